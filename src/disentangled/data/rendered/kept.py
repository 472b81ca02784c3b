"""Rendered images on disk: made once, checked whenever they are read, made again if damaged.

A file holds the images of one name and size and their SHA-256; its name carries the version of
the recipe. It is written aside and renamed, under a lock of the operating system, which a killed
process cannot leave behind: of several processes that want the images one renders.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from contextlib import suppress
from os import PathLike
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from disentangled.data.files import bad_file, claim, roots, unread, writing

FOLDER = "rendered"


def kept(
    name: str,
    shape: tuple[int, int, int, int],
    version: int,
    root: str | PathLike[str] | None,
    render: Callable[[], Tensor],
) -> Tensor:
    """Images uint8 (N, C, size, size) from disk, else rendered and put there.

    They are looked for below the folders of the data files, and put below the first of these that
    can be written to.

    Args:
        name: of the data set.
        shape: (N, C, size, size).
        version: of the recipe; raised by hand whenever pictures change.
        root: folder of the data files, or None for the usual ones.
        render: makes the images.
    """
    file = Path(FOLDER) / f"{name}_{shape[-1]}px_v{version}.safetensors"
    paths = [place / file for place in roots(root)]
    for path in paths:
        with suppress(ValueError, OSError):
            images = _read(path, shape)
            if images is not None:
                return images
    place, held = claim(paths)
    with held:
        if place is None:
            folders = ", ".join(str(path.parent) for path in paths)
            warnings.warn(
                f"expected a folder to keep rendered images in, but none of {folders} can be "
                "written: they are rendered again whenever they are loaded. Set "
                "DISENTANGLED_DATA to a folder of yours",
                stacklevel=4,
            )
            return render()
        try:
            images = _read(place, shape)  # another process may have been first
        except (ValueError, OSError) as error:
            warnings.warn(f"{error}", stacklevel=4)
            images = None
        if images is None:
            images = render()
            try:
                with writing(place):
                    _write(place, images)
            except OSError as error:
                warnings.warn(
                    f"{error}. The images are there, and are rendered again when next loaded",
                    stacklevel=4,
                )
    return images


def _read(path: Path, shape: tuple[int, ...]) -> Tensor | None:
    """The images of a file, None where there is none.

    Raises:
        ValueError: a damaged file.
        OSError: one that the system does not let read.
    """
    if not path.is_file():
        return None
    expected = f"images as torch.uint8 of shape {shape} with their SHA-256"
    mend = "They are rendered again"
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            digest = (file.metadata() or {}).get("sha256")
            came = tuple(file.get_slice("images").get_shape())
            if came != shape:
                raise bad_file(path, expected, f"shape {came}", mend)
            images: Tensor = file.get_tensor("images")
    except (safetensors.SafetensorError, OSError) as error:
        raise unread(path, expected, error, mend) from error
    if images.shape != shape or images.dtype != torch.uint8:
        raise bad_file(path, expected, f"{images.dtype} of shape {tuple(images.shape)}", mend)
    if _digest(images) != digest:
        raise bad_file(path, expected, "other content than was written", mend)
    return images


def _write(path: Path, images: Tensor) -> None:
    """Write aside and rename; the lock is held, so that what lies aside is nobody's."""
    aside = path.with_name(f".{path.stem}.partial")
    try:
        content = safetensors.torch.save({"images": images}, {"sha256": _digest(images)})
        aside.write_bytes(content)  # save_file would hide it from other users
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _digest(images: Tensor) -> str:
    return hashlib.sha256(images.numpy().data).hexdigest()
