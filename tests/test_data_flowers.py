"""Flowers: photographs from files that the test writes, and the drawn ones by their geometry."""

import io
import math
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from disentangled import data
from disentangled.data import flowers102
from disentangled.data.rendered import flowers_twin

N = 5


def photograph(number: int, width: int, height: int) -> bytes:
    """Red to the left and the right (or above and below) of a grey square in the middle."""
    side = min(width, height)
    picture = Image.new("RGB", (width, height), (255, 0, 0))
    picture.paste((40 * number,) * 3, ((width - side) // 2, (height - side) // 2,
                                       (width + side) // 2, (height + side) // 2))  # fmt: skip
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95)
    return out.getvalue()


@pytest.fixture
def photographs(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    monkeypatch.setattr(flowers102, "N_IMAGES", N)
    return [photograph(number, *((96, 160) if number % 2 else (200, 128))) for number in range(N)]


def write_small(root: Path, photographs: list[bytes], **changes: np.ndarray) -> None:
    ends = np.cumsum([0, *map(len, photographs)])
    arrays = {"jpeg": np.frombuffer(b"".join(photographs), np.uint8), "offset": ends}
    np.savez(root / "flowers102_64.npz", **arrays | changes)


def write_archive(root: Path, photographs: list[bytes], folder: str = "jpg") -> Path:
    """Not in the order of the numbers, and with other files beside."""
    path = root / "102flowers.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for number in sorted(range(len(photographs)), key=(1, 3, 4, 0, 2).__getitem__):
            add(archive, f"{folder}/image_{number + 1:05}.jpg", photographs[number])
        add(archive, "jpg/._image_00001.jpg", b"of another system")
        add(archive, "readme.jpg", b"no picture")
    return path


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("write", [write_small, write_archive])
@pytest.mark.parametrize("size", [64, 16])
def test_photographs_are_cut_to_their_middle(tmp_path, photographs, write, size) -> None:
    write(tmp_path, photographs)
    found = data.load("flowers102", root=tmp_path, size=size)
    assert repr(found) == (
        f"FactorData(flowers102, real, 5 x 3 x {size} x {size}; no factors; cpu)"
    )
    for number, image in enumerate(found.images):
        # red bleeds in at the edges; inside a photograph has its own grey
        inside = image[:, size // 8 : -size // 8, size // 8 : -size // 8]
        assert (inside.int() - 40 * number).abs().max() <= 3


def test_the_small_file_comes_first_and_lies_in_its_folder(tmp_path, photographs) -> None:
    archive = write_archive(tmp_path, photographs)
    assert data.on_disk("flowers102", root=tmp_path) == archive
    (tmp_path / "flowers102_64").mkdir()
    write_small(tmp_path / "flowers102_64", photographs)
    assert data.on_disk("flowers102", root=tmp_path).name == "flowers102_64.npz"


def test_what_is_not_there_is_said_and_what_stands_in(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"102flowers\.tgz.*load\('flowers_twin'\)"):
        data.load("flowers102", root=tmp_path)


def test_bad_files_are_errors(tmp_path: Path, photographs: list[bytes]) -> None:
    def fails(message: str) -> None:
        with pytest.raises(ValueError, match=message):
            data.load("flowers102", root=tmp_path)

    path = write_archive(tmp_path, photographs[:4])
    fails("expected 5 photographs, got 4")
    write_archive(tmp_path, photographs, folder="pictures")
    fails("expected 5 photographs, got 0")
    path.write_bytes(path.read_bytes()[:-200])
    fails("damaged or cut-off")
    write_archive(tmp_path, [*photographs[:2], b"<html>", *photographs[3:]])
    fails(r"a photograph image_00003\.jpg as JPEG, got damaged")
    write_small(tmp_path, [*photographs[:2], photographs[2][:100], *photographs[3:]])
    fails(r"a photograph image_00003\.jpg as JPEG, got damaged")
    write_small(tmp_path, photographs, offset=np.array([0, 9, 7, 11, 12, 13]))
    fails("offsets that rise from 0")
    write_small(tmp_path, photographs, jpeg=np.zeros(3, np.uint8))
    fails("jpeg of shape")


@pytest.mark.parametrize("exponent", [0.35, 4.0])
@pytest.mark.parametrize(("count", "turn"), [(3, 0.0), (4, 0.5), (8, 0.25)])
def test_a_flower_covers_what_its_edge_says(exponent: float, count: int, turn: float) -> None:
    size = 0.9
    petals, middle, background = flowers_twin.light(exponent, count, size, turn) / 255
    angles = np.linspace(0, 2 * np.pi, 20_001)[:-1]
    edge = 0.3 + 0.7 * np.abs(np.cos(count * angles / 2)) ** exponent
    # areas in half sides squared, by integrals in polar coordinates; a pixel has (1 / 32)²
    disc = math.pi * (0.28 * size) ** 2
    assert middle.sum() / 32**2 == pytest.approx(disc, rel=0.01)
    # petals are 0.55 + 0.45 radius / edge bright: their light is the integral of that
    inner = 0.28
    lit = (0.55 * (edge**2 - inner**2) / 2 + 0.45 * (edge**3 - inner**3) / (3 * edge)).mean()
    assert petals.sum() / 32**2 == pytest.approx(2 * math.pi * lit * size**2, rel=0.01)
    assert (petals + middle + background).max() <= 1
    # a petal points up where nothing is turned, and the tips are where the edge is 1
    tip = turn * 2 * math.pi / count
    column, row = 32 + 0.85 * size * 32 * math.sin(tip), 32 - 0.85 * size * 32 * math.cos(tip)
    assert petals[int(row), int(column)] > 0.8


@pytest.mark.parametrize("count", flowers_twin.COUNTS)
def test_a_whole_turn_between_petals_changes_nothing(count: int) -> None:
    once, again = (flowers_twin.light(1.8, count, 0.86, turn) for turn in (0.25, 1.25))
    assert np.abs(once - again).max() < 255 / flowers_twin.FINER**2 + 1  # a point on an edge


def test_colours_are_where_the_factors_say() -> None:
    found = data.load("flowers_twin")
    assert (len(found), found.source) == (19_200, "twin")
    assert found.factor_names == ("petal_hue", "background", "petal_shape", "petal_count")
    assert found.factor_sizes == (10, 6, 4, 5)
    assert len(found.factors.unique(dim=0)) == 1200
    colours = flowers_twin.palette().float()
    index = torch.arange(0, 19_200, 97)
    images, factors = found.images[index].float(), found.factors[index]
    # the middle is yellow, the corner above on the right is background, nearly unshaded
    assert torch.equal(images[:, :, 32, 32], colours[-1].expand(len(index), 3))
    corner = colours[10 + factors[:, 1]]
    assert (images[:, :, 0, 63] - corner).abs().max() < 2
    # flowers without turn point a petal up; at half their size it has the colour of its hue
    up = found.images[torch.arange(0, 19_200, 4)][:, :, 16].float().amax(2)
    hue = found.factors[::4, 0]
    first = hue == 0  # red: 255, 64, 64
    assert (up[first][:, 0] > 180).all()
    small = data.load("flowers_twin", size=16)
    pooled = torch.nn.functional.avg_pool2d(images, 4)
    assert (small.images[index].float() - pooled).abs().max() <= 3


def test_every_combination_is_another_picture() -> None:
    lights = flowers_twin.geometries()
    assert lights.shape == (320, 3, 64, 64)
    assert len(lights.flatten(1).unique(dim=0)) == 320
    assert len(flowers_twin.palette().unique(dim=0)) == 17
