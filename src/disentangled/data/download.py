"""Fetch the official data files: a known checksum each, and never a partial file."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pooch
import requests
from filelock import FileLock
from tqdm import tqdm

from disentangled.data import cars3d, cmnist, files, flowers102, shapes3d, smallnorb

UNKNOWN = 512 * files.MiB
"""The most bytes that are taken of a file whose size is not known; all of them have fewer."""


class RemoteFile(NamedTuple):
    """A file to download: where it is, and how to know that it is right.

    checksum: "sha256:..." or "md5:...", in hexadecimal. An MD5 tells accidents and not attacks;
        nothing that is downloaded is ever executed.
    n_bytes: its size where it is known.
    """

    name: str
    url: str
    checksum: str
    n_bytes: int | None = None

    @property
    def most(self) -> int:
        """The most bytes that are taken."""
        return UNKNOWN if self.n_bytes is None else self.n_bytes

    @property
    def size(self) -> str:
        """In words."""
        return "size unknown" if self.n_bytes is None else f"{self.n_bytes / 1e6:.0f} MB"


def _smallnorb(kind: str, training: str, testing: str) -> tuple[RemoteFile, RemoteFile]:
    """The files of a kind ("dat", "cat" or "info") of both splits, by their MD5."""
    names = (f"{stem}-{kind}.mat.gz" for stem in (smallnorb.TRAINING, smallnorb.TESTING))
    first, second = (
        RemoteFile(name, f"https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/{name}", f"md5:{md5}")
        for name, md5 in zip(names, (training, testing), strict=True)
    )
    return first, second


FILES: dict[str, tuple[RemoteFile, ...]] = {
    # The hdf5 file, not the npz: a checksum of it is public (TensorFlow Datasets records size and
    # sha256), and nothing in it is pickled.
    "dsprites": (
        RemoteFile(
            name="dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5",
            url="https://github.com/deepmind/dsprites-dataset/raw/master/"
            "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5",
            checksum="sha256:729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb",
            n_bytes=28_024_106,
        ),
    ),
    "smallnorb": (
        *_smallnorb("dat", "66054832f9accfe74a0f4c36a75bc0a2", "e4ad715691ed5a3a5f138751a4ceb071"),
        *_smallnorb("cat", "23c8b86101fbf0904a000b43d3ed2fd9", "5aa791cd7e6016cf957ce9bdb93b8603"),
        *_smallnorb(
            "info", "51dee1210a742582ff607dfd94e332e3", "a9454f3864d7fd4bb3ea7fc3eb84924e"
        ),
    ),
    "cars3d": (
        RemoteFile(
            name=cars3d.ARCHIVE,
            url=f"http://www.scottreed.info/files/{cars3d.ARCHIVE}",
            checksum="md5:4e866a7919c1beedf53964e6f7a23686",
        ),
    ),
    # size and sha256 as TensorFlow Datasets records them
    "shapes3d": (
        RemoteFile(
            name=shapes3d.FILE,
            url=f"https://storage.googleapis.com/3d-shapes/{shapes3d.FILE}",
            checksum="sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
            n_bytes=267_573_662,
        ),
    ),
    # the file that Keras loads, with the sha256 that it checks
    "cmnist": (
        RemoteFile(
            name=cmnist.FILE,
            url=f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{cmnist.FILE}",
            checksum="sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            n_bytes=11_490_434,
        ),
    ),
    # the MD5 that torchvision checks
    "flowers102": (
        RemoteFile(
            name=flowers102.ARCHIVE,
            url=f"https://www.robots.ox.ac.uk/~vgg/data/flowers/102/{flowers102.ARCHIVE}",
            checksum="md5:52808999861908f626f3c1f4e79d11fa",
        ),
    ),
}
"""Data set -> its official files."""
ATTEMPTS = 3
PARTIAL, LOCK = ".partial-", "lock"


class TooLargeError(ValueError):
    """More came than the file has; the message says how many bytes."""


def fetch(file: RemoteFile, folder: Path, *, timeout: float = 30.0, progress: bool = True) -> Path:
    """Download a file into a folder, unless it is there with the right checksum already.

    It is written to a folder of its own inside the folder, `.partial-...`, and moved to its name
    only once the checksum is right. The folder of its own is removed in the end, and what a killed
    download left of one at the next start. A connection that breaks is tried three times in all,
    and no more is taken than the file's known size.

    Args:
        file: what to download.
        folder: where to put it; made if missing.
        timeout: seconds without a byte after which a connection counts as broken.
        progress: show a bar on stderr.

    Returns:
        Where the file is.

    Raises:
        ConnectionError: the server cannot be reached, refuses, breaks off or falls silent.
        ValueError: the content has another checksum, or more bytes than the file.
        OSError: no room on the disk.
    """
    path = folder / file.name
    algorithm, _, digest = file.checksum.partition(":")
    if path.is_file() and pooch.file_hash(str(path), algorithm) == digest:
        return path
    with files.writing(path), _own_folder(folder) as aside:
        _download(file, aside, timeout, progress)
        (aside / file.name).replace(path)
    return path


@contextmanager
def _own_folder(folder: Path) -> Iterator[Path]:
    """A new folder inside, whose lock tells others that its download still runs."""
    for left in folder.glob(f"{PARTIAL}*"):
        if (left / LOCK).is_file():  # else it is not ours
            with suppress(OSError, NotImplementedError), FileLock(left / LOCK, blocking=False):
                shutil.rmtree(left, ignore_errors=True)
    own = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=folder))
    lock = FileLock(own / LOCK)
    try:
        with suppress(NotImplementedError):  # without locks nobody takes it for left over
            lock.acquire()
        yield own
    finally:
        lock.release()
        shutil.rmtree(own, ignore_errors=True)


def _stream(url: str, output: str, _: Any, *, most: int, timeout: float, progress: bool) -> None:
    """Like pooch's own downloader, but the connection is closed when it breaks, too, and no more
    is written than `most` bytes."""
    plain = {"Accept-Encoding": "identity"}  # what comes is what is counted
    with requests.get(url, stream=True, timeout=timeout, headers=plain) as response:
        response.raise_for_status()
        total = int(response.headers.get("Content-Length", 0)) or None
        if total and total > most:
            raise TooLargeError(f"{total:,}")
        n_bytes = 0
        bar = tqdm(total=total, unit="B", unit_scale=True, disable=not progress)
        with open(output, "wb") as file, bar:
            for chunk in response.iter_content(1 << 16):
                n_bytes += len(chunk)
                if n_bytes > most:
                    raise TooLargeError(f"{n_bytes:,} or more")
                file.write(chunk)
                bar.update(len(chunk))


def _download(file: RemoteFile, folder: Path, timeout: float, progress: bool) -> None:
    pooch.get_logger().setLevel("WARNING")  # it would announce the name inside .partial/
    for attempt in range(1, ATTEMPTS + 1):
        try:
            pooch.retrieve(
                file.url,
                known_hash=file.checksum,
                fname=file.name,
                path=folder,
                downloader=partial(_stream, most=file.most, timeout=timeout, progress=progress),
            )
            return
        except requests.RequestException as error:
            refused = isinstance(error, requests.HTTPError)
            if refused or attempt == ATTEMPTS:
                raise ConnectionError(
                    f"{file.url} ({file.size}): expected to download it, but failed ({error}). "
                    f"Nothing was kept; run `make data` again, or put the file into "
                    f"{folder.parent} by hand"
                ) from error
            print(f"{file.url}: {error}; attempt {attempt + 1}", file=sys.stderr)
        except TooLargeError as error:
            raise ValueError(
                f"{file.url}: expected at most {file.most:,} bytes, got {error} (a changed file, "
                "or another one). Nothing was kept; see what the address shows in a browser"
            ) from error
        except ValueError as error:
            raise ValueError(
                f"{file.url}: expected content with {file.checksum}, got another "
                "(a proxy's page, or a changed file). Nothing was kept; see what the address "
                "shows in a browser"
            ) from error
