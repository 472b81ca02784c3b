"""A badge says the verdict in words and in colour, and whatever it says is escaped."""

from __future__ import annotations

import re

import pytest

from disentangled import badges
from disentangled.records import VERDICTS, Record

FACTS = {
    "how": "check",
    "evidence": 1e-14,
    "tolerance": 1e-9,
    "perturbation": "TC dropped",
    "margin": 2.8,
}


def test_a_check_is_one_line_with_both_distances():
    shown = Record("C-04", "C", FACTS)._repr_html_()
    words = re.sub("<[^>]*>", "", shown)
    assert words == (
        "C-04 holds under an extra condition: off by 1e-14; the wrong variant “TC dropped” by 2.8"
    )
    assert f'href="{badges.EXPLAINED}"' in shown
    assert badges.WITH_CARE in shown
    assert "\n" not in shown


def test_plain_text_still_has_all_of_the_evidence():
    assert repr(Record("C-04", "C", FACTS)) == (
        "C-04 holds under an extra condition\noff by 1e-14 (allowed 1e-09); TC dropped: off by 2.8"
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"perturbation": "condition removed"}, "off by 1e-14; without the condition by 2.8"),
        (
            {"as_printed": 0.5, "evidence": 0.0},
            "off by 0.5, corrected by 0; the wrong variant “TC dropped” by 2.8",
        ),
        ({"margin": "inf"}, "off by 1e-14; the wrong variant “TC dropped” by inf"),
    ],
)
def test_what_was_off_is_said(more, said):
    assert badges.of_check(FACTS | more) == said


def test_what_was_read_and_why_nothing_was_computed_is_said():
    read = Record("C-01", "T", {"how": "reading", "quote": "a < b", "corrected": "b"})
    assert "by reading: “a &lt; b”. Read: b" in read._repr_html_()
    because = Record("C-07", "N", {"how": "reason", "why": "a claim"})._repr_html_()
    assert re.sub("<[^>]*>", "", because) == "C-07 not checkable by computing: a claim"
    assert badges.OPEN in because


def test_a_badge_without_evidence_ends_with_the_verdict():
    assert badges.badge("A-fig3", "not run", "not run", "").endswith("not run</a></div>")


def test_everything_is_escaped():
    shown = badges.badge("<i>", "H", "<b>", "<script>'\"&")
    assert not re.search("<(i|b|script)>", shown)
    assert "&lt;script&gt;&#x27;&quot;&amp;" in shown


def luminance(colour):
    """Relative luminance of a colour #RRGGBB, as of the accessibility guidelines."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_white_reads_well_on_every_ground_and_every_verdict_has_one():
    for ground in (*badges.GROUNDS.values(), badges.OPEN):
        assert 1.05 / (luminance(ground) + 0.05) > 4.5
    assert set(badges.GROUNDS) >= set(VERDICTS) - {"N"}
