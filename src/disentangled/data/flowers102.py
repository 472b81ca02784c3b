"""The real Oxford Flowers 102: 8,189 photographs of flowers, whose factors nobody knows.

Read from the archive as published, whose `jpg/` holds one photograph of some 500 px a file, or
from `flowers102_64.npz`, which has them smaller already:

| array | values | what |
|---|---|---|
| `jpeg` | uint8 | JPEG files of 64 x 64 px, one after the other |
| `offset` | int64 (8190,) | where each of them starts; the last one is the end |

From a photograph of the archive the largest square around its middle is taken. The images have no
stated licence: use them where they are, and pass none on.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from disentangled.data.factor_data import FactorData
from disentangled.data.files import MiB, Npz, bad_file, check_size, find
from disentangled.data.images import averaged
from disentangled.data.tars import members

ARCHIVE = "102flowers.tgz"
SMALL = "flowers102_64.npz"
N_IMAGES = 8189
SIDE = 64
MOST_OF_A_PHOTOGRAPH = 16 * MiB
MOST_PIXELS = 64 * MiB
MOST_OF_ALL = 256 * MiB
"""Bytes; the small photographs of the npz file have some 2 KB each."""
MEND = (
    "`make data NAME=flowers102` (python -m disentangled.data download flowers102) downloads the "
    "official archive with its checksum; without it use data.load('flowers_twin')"
)


def find_file(root: str | PathLike[str] | None) -> Path:
    """The file of small images, else the archive.

    Raises:
        FileNotFoundError: neither is there.
    """
    return find([SMALL, ARCHIVE], root, subfolder="flowers102_64", mend=MEND)


def load(root: str | PathLike[str] | None, size: int) -> FactorData:
    """All photographs, without factors, in the order of their numbers.

    Those of the archive are resized to 64 px by Pillow's Lanczos filter, which takes a minute;
    smaller sides are averages over square blocks.

    Raises:
        FileNotFoundError: neither file is there.
        ValueError: content that is not what it should be.
    """
    path = find_file(root)
    read = _small if path.suffix == ".npz" else _archive
    squares = {name: averaged(_square(path, name, content), size) for name, content in read(path)}
    if len(squares) != N_IMAGES:
        raise bad_file(path, f"{N_IMAGES:,} photographs", f"{len(squares):,}", MEND)
    images = torch.cat([squares[name] for name in sorted(squares)])
    unknown = torch.empty(N_IMAGES, 0, dtype=torch.int64)
    return FactorData("flowers102", images, unknown, (), (), source="real")


def _small(path: Path) -> Iterator[tuple[str, bytes]]:
    npz = Npz(path, MEND)
    offset = npz.array("offset", (N_IMAGES + 1,), np.integer).astype(np.int64)
    if offset[0] != 0 or (np.diff(offset) <= 0).any():
        raise bad_file(path, "offsets that rise from 0", "others", MEND)
    check_size(path, "photographs", int(offset[-1]), MOST_OF_ALL, MEND)
    content = npz.array("jpeg", (int(offset[-1]),), np.uint8).tobytes()
    for number, (start, end) in enumerate(itertools.pairwise(offset.tolist()), start=1):
        yield f"image_{number:05}.jpg", content[start:end]


def _archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """The photographs of the archive, read in memory; names are not followed."""

    def ours(place: PurePosixPath) -> bool:
        return bool(re.fullmatch(r"image_\d{5}\.jpg", place.name)) and place.parent.name == "jpg"

    for place, content in members(path, ours, MOST_OF_A_PHOTOGRAPH, MEND):
        yield place.name, content


def _square(path: Path, name: str, content: bytes) -> Tensor:
    """The largest square around the middle of a photograph, uint8 (1, 3, 64, 64)."""
    try:
        opened = Image.open(io.BytesIO(content), formats=["JPEG"])
        check_size(path / name, "pixels", 3 * opened.width * opened.height, MOST_PIXELS, MEND)
        picture = opened.convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        came = f"damaged or other content ({error})"
        raise bad_file(path, f"a photograph {name} as JPEG", came, MEND) from error
    square = ImageOps.fit(picture, (SIDE, SIDE), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(square)).movedim(-1, 0)[None]
