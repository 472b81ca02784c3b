"""Rendered images are kept, checked, made again if damaged, and rendered by one at a time."""

import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from disentangled.data import files
from disentangled.data.rendered.kept import FOLDER, kept

SHAPE = (5, 1, 8, 8)
IMAGES = torch.arange(5 * 64).remainder(251).to(torch.uint8).view(SHAPE)


class Renderer:
    """Renders the same images every time, and counts the times."""

    def __init__(self, images: Tensor = IMAGES, seconds: float = 0.0) -> None:
        self.images, self.seconds, self.times = images, seconds, 0

    def __call__(self) -> Tensor:
        self.times += 1
        time.sleep(self.seconds)
        return self.images.clone()


def path_of(root: Path, version: int = 1) -> Path:
    return root / FOLDER / f"toy_8px_v{version}.safetensors"


def test_rendered_once_then_read(tmp_path: Path) -> None:
    render = Renderer()
    for _ in range(3):
        assert torch.equal(kept("toy", SHAPE, 1, tmp_path, render), IMAGES)
    assert render.times == 1
    assert path_of(tmp_path).is_file()
    assert path_of(tmp_path).stat().st_mode & 0o044  # for other users, too


def flip_a_bit(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


@pytest.mark.parametrize(
    ("damage", "came"),
    [
        (flip_a_bit, "other content"),
        (lambda content: content[: len(content) // 2], "damaged"),
        (lambda content: b"", "damaged"),
        (lambda content: b"<html>not images</html>", "damaged"),
        (lambda content: content.replace(b"images", b"images".upper()), "damaged"),
        (lambda content: content.replace(b"sha256", b"SHA256"), "other content"),
        (lambda content: safetensors.torch.save({"images": IMAGES[:4]}), r"shape \(4, 1, 8, 8\)"),
        (lambda content: safetensors.torch.save({"images": IMAGES.float()}), "float32"),
    ],
)
def test_a_damaged_file_is_reported_and_made_again(tmp_path: Path, damage, came: str) -> None:
    render = Renderer()
    kept("toy", SHAPE, 1, tmp_path, render)
    path = path_of(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with pytest.warns(UserWarning, match=rf"{path.name}: expected images.*{came}") as caught:
        assert torch.equal(kept("toy", SHAPE, 1, tmp_path, render), IMAGES)
    assert len(caught) == 1
    assert "rendered again" in str(caught[0].message)
    assert path.read_bytes() == whole
    assert render.times == 2


def test_another_version_or_size_is_another_file(tmp_path: Path) -> None:
    kept("toy", SHAPE, 1, tmp_path, Renderer())
    newer = Renderer(255 - IMAGES)
    assert torch.equal(kept("toy", SHAPE, 2, tmp_path, newer), 255 - IMAGES)
    smaller = Renderer(IMAGES[..., ::2, ::2].contiguous())
    assert kept("toy", (5, 1, 4, 4), 2, tmp_path, smaller).shape == (5, 1, 4, 4)
    assert torch.equal(kept("toy", SHAPE, 1, tmp_path, newer), IMAGES)
    assert (newer.times, smaller.times) == (1, 1)


KILLED = """
import os, sys, torch
from disentangled.data.rendered import kept as module
def die(path, images):
    path.with_name(f".{path.stem}.partial").write_bytes(b"half")
    print("dying", flush=True)
    os._exit(9)
module._write = die
module.kept("toy", (5, 1, 8, 8), 1, sys.argv[1], lambda: torch.zeros(5, 1, 8, 8).byte())
"""


def test_what_a_killed_writer_left_is_in_nobodys_way(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True
    )
    assert (killed.returncode, killed.stdout) == (9, "dying\n")
    folder = tmp_path / FOLDER
    assert sorted(path.suffix for path in folder.iterdir()) == [".lock", ".partial"]
    assert torch.equal(kept("toy", SHAPE, 1, tmp_path, Renderer()), IMAGES)
    assert sorted(path.suffix for path in folder.iterdir()) == [".lock", ".safetensors"]


def test_of_several_at_once_one_renders(tmp_path: Path) -> None:
    render = Renderer(seconds=0.3)
    found: list[Tensor] = []
    threads = [
        threading.Thread(target=lambda: found.append(kept("toy", SHAPE, 1, tmp_path, render)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert render.times == 1
    assert len(found) == 4
    assert all(torch.equal(images, IMAGES) for images in found)


def test_a_failed_rendering_leaves_nothing_and_no_lock(tmp_path: Path) -> None:
    def fail() -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept("toy", SHAPE, 1, tmp_path, fail)
    assert not path_of(tmp_path).exists()
    assert torch.equal(kept("toy", SHAPE, 1, tmp_path, Renderer()), IMAGES)


def test_a_read_only_folder_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are read, and none is made there, not even by root."""
    named, checkout = tmp_path / "named", tmp_path / "checkout"
    named.mkdir()
    named.chmod(0o555)
    monkeypatch.setenv(files.ENVIRONMENT, str(named))
    monkeypatch.setattr(files, "checkout", lambda: checkout)
    render = Renderer()
    kept("toy", SHAPE, 1, None, render)
    assert list(named.iterdir()) == []
    assert path_of(checkout / "data").is_file()
    kept("toy", SHAPE, 1, None, render)
    assert render.times == 1
    for _ in range(2):
        with pytest.warns(UserWarning, match="can be written.*DISENTANGLED_DATA"):
            assert torch.equal(kept("toy", SHAPE, 1, named, render), IMAGES)
    assert render.times == 3
    named.chmod(0o755)
    path_of(checkout / "data").parent.rename(named / FOLDER)
    named.chmod(0o555)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept("toy", SHAPE, 1, named, render)
    assert render.times == 3
