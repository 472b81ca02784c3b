"""JSON files that show when they were edited: an object with a digest over all else in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DIGEST = "digest"
"""The key of the digest, which no content may have."""


def digest(content: Mapping[str, Any]) -> str:
    """The first 16 digits of the SHA-256 of the content, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def text(content: Mapping[str, Any]) -> str:
    """The text of a file that holds this content and its digest.

    Raises:
        ValueError: content that JSON has no words for (NaN, infinity), or with a key "digest".
    """
    if DIGEST in content:
        raise ValueError(f"expected content without a key {DIGEST!r}, which is added; rename it")
    whole = {**content, DIGEST: digest(content)}
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read(path: Path, again: str) -> dict[str, Any]:
    """The content of a file that `text` made.

    Args:
        path: the file.
        again: the end of every message, which says how the file is made anew.

    Raises:
        ValueError: no file, no JSON object, or one that has no digest or was edited after it was
            written.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ValueError(f"{path} is no file; {again}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        came = content.pop(DIGEST, None)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error!r}); {again}") from error
    if came is None:
        raise ValueError(f"{path} has no digest, as files of earlier versions; {again}")
    if came != digest(content):
        raise ValueError(
            f"{path} is damaged (its digest says that it was edited after it was written); {again}"
        )
    return dict(content)
