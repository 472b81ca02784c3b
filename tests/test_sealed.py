"""JSON with a digest: what is read is what was written, and nothing else."""

import hashlib
import json

import pytest

from disentangled import sealed

CONTENT = {"b": [1, 2.5, None], "a": {"β": "text"}}


def test_the_digest_is_that_of_the_sorted_content():
    plain = '{"a": {"\\u03b2": "text"}, "b": [1, 2.5, null]}'
    expected = hashlib.sha256(plain.encode()).hexdigest()[:16]
    assert json.loads(sealed.text(CONTENT)) == {**CONTENT, "digest": expected}
    assert sealed.digest(dict(reversed(CONTENT.items()))) == expected


def test_what_was_written_is_read_in_its_order(tmp_path):
    path = tmp_path / "file.json"
    path.write_text(sealed.text(CONTENT), "utf-8")
    assert list(sealed.read(path, "").items()) == list(CONTENT.items())


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "damaged"), ("[]", "damaged"), ("1", "damaged"), ("[" * 100_000, "damaged"),
        ("{}", "no digest"), (json.dumps(CONTENT), "no digest"),
        (sealed.text(CONTENT).replace("2.5", "2.6"), "edited after it was written"),
        (sealed.text(CONTENT).replace('"b"', '"c"'), "edited after it was written"),
        (json.dumps({**CONTENT, "digest": 1}), "edited after it was written"),
    ],
)  # fmt: skip
def test_what_was_edited_is_refused_with_the_way_out(tmp_path, written, said):
    path = tmp_path / "file.json"
    path.write_text(written, "utf-8")
    with pytest.raises(ValueError, match=said) as caught:
        sealed.read(path, "measure again")
    assert str(caught.value).startswith(f"{path} ")
    assert str(caught.value).endswith("; measure again")


@pytest.mark.parametrize("content", [{"digest": 1}, {"a": float("nan")}])
def test_what_could_not_be_read_is_not_written(content):
    with pytest.raises(ValueError, match=r"digest|JSON"):
        sealed.text(content)
