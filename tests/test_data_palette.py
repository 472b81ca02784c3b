"""Images put together from geometries and colours: every value by hand."""

import pytest
import torch

from disentangled.data import palette
from disentangled.data.images import averaged
from disentangled.data.palette import PaletteImages, flat_light, pooled_light, whole_light

COLOURS = torch.tensor([[0, 0, 0], [255, 0, 0], [0, 200, 100], [30, 60, 90]], dtype=torch.uint8)
# two geometries of 1 x 2 px; regions: ground and thing
LIGHT = torch.tensor(
    [[[[255, 51]], [[0, 204]]], [[[0, 100]], [[255, 1]]]], dtype=torch.uint8
)  # (2, 2, 1, 2)
GEOMETRY = torch.tensor([0, 1, 1])
PAINT = torch.tensor([[1, 2], [1, 2], [3, 0]])


def images() -> PaletteImages:
    return PaletteImages(LIGHT, GEOMETRY, COLOURS, PAINT)


def test_values_by_hand() -> None:
    """A pixel of 51 of 255 red and 204 green: a fifth and four fifths."""
    expected = torch.tensor(
        [
            [[[255, 51]], [[0, 160]], [[0, 80]]],
            # 100 of 255 red; 1 of 255 of (0, 200, 100): 0.78 and 0.39, rounded
            [[[0, 100]], [[200, 1]], [[100, 0]]],
            # a hundred 255ths of (30, 60, 90): 11.76, 23.53, 35.29
            [[[0, 12]], [[0, 24]], [[0, 35]]],
        ],
        dtype=torch.uint8,
    )
    assert torch.equal(images()[:], expected)
    assert images().shape == (3, 3, 1, 2)


def test_rounding_is_to_the_nearest_for_all_products() -> None:
    """One region at every light and grey: 65,536 values against exact integers."""
    every = torch.arange(256)
    light = every.byte().view(1, 1, 16, 16)
    none = torch.zeros(256, dtype=torch.int64)
    one = PaletteImages(light, none, every.byte()[:, None], every[:, None])
    expected = (every[:, None] * every + 127) // 255
    assert torch.equal(one[:].view(256, 256).long(), expected)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    index = torch.randint(3, (7, 5), generator=torch.Generator().manual_seed(0))
    whole = images()[index]
    monkeypatch.setattr(palette, "AT_ONCE", 4)
    assert torch.equal(images()[index], whole)
    assert torch.equal(whole, images()[:][index])


def test_it_passes_through_vmap() -> None:
    index = torch.tensor([[0, 2], [1, 1]])
    assert torch.equal(torch.func.vmap(images().__getitem__)(index), images()[index])


def test_subsets_share_geometries() -> None:
    part = images().index_select(0, torch.tensor([2, 0]))
    assert part.light is LIGHT
    assert torch.equal(part[:], images()[:][[2, 0]])


def test_flat_light_is_one_region_a_pixel() -> None:
    regions = torch.tensor([[[0, 2], [1, 1]]])
    light = flat_light(regions, 3)
    assert light.tolist() == [[[[255, 0], [0, 0]], [[0, 0], [255, 255]], [[0, 255], [0, 0]]]]
    one = PaletteImages(light, [0], COLOURS, [[1, 2, 3]])
    assert one[0].permute(1, 2, 0).tolist() == [
        [[255, 0, 0], [30, 60, 90]],
        [[0, 200, 100], [0, 200, 100]],
    ]
    for bad in (torch.tensor([[[3]]]), torch.tensor([[[-1]]]), torch.zeros(1, 2, 2), regions[0]):
        with pytest.raises(ValueError, match="from 0 to 2"):
            flat_light(bad, 3)


def test_whole_light_keeps_its_sums() -> None:
    """Halves come to 255 and not to 256; a region by itself is rounded as any number is."""
    halves = torch.tensor([127.5, 0.0, 127.5]).view(1, 3, 1, 1)
    assert whole_light(halves).flatten().tolist() == [128, 0, 127]
    alone = torch.tensor([[0.49, 0.5, 254.6, 255.0]]).view(1, 1, 1, 4)
    assert whole_light(alone).flatten().tolist() == [0, 1, 255, 255]
    shares = torch.rand(9, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    light = 255 * shares / shares.sum(1, keepdim=True)
    whole = whole_light(light)
    assert (whole.sum(1) == 255).all()
    assert (whole - light).abs().max() < 1
    assert (whole_light(whole.float()) == whole).all()


def test_pooled_light_makes_pooled_images() -> None:
    """By hand, and on noise, whose averages are compared with those of the images."""
    light = torch.tensor([[[[255, 255], [0, 1]], [[0, 0], [255, 0]]]], dtype=torch.uint8)
    assert pooled_light(light, 1).flatten().tolist() == [128, 64]  # 127.75, then 191.5 in all
    assert torch.equal(pooled_light(light, 2), light)
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(6, 3, 8, 8, generator=generator)
    noise = whole_light(255 * shares / shares.sum(1, keepdim=True))
    paint = torch.randint(4, (6, 3), generator=generator)
    large, small = (
        PaletteImages(light, torch.arange(6), COLOURS, paint)[:]
        for light in (noise, pooled_light(noise, 2))
    )
    difference = averaged(large, 2).int() - small.int()
    assert difference.abs().max() <= 3
    assert difference.float().abs().mean() < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"light": LIGHT.float()}, r"light as uint8 \(G, R, H, W\), got torch.float32"),
        ({"light": LIGHT[0]}, "flat_light"),
        ({"light": LIGHT + 1}, "sums over regions to 255 at most in every pixel, got 257"),
        ({"palette": COLOURS.float()}, r"palette of colours as uint8 \(P, C\), got torch.float32"),
        ({"palette": COLOURS[0]}, r"got torch.uint8 of shape \(3,\)"),
        ({"geometry": GEOMETRY.float()}, r"geometry as integers of shape \(N,\)"),
        ({"geometry": GEOMETRY[:, None]}, "geometry as integers"),
        ({"geometry": torch.tensor(0)}, "geometry as integers"),
        ({"geometry": GEOMETRY + 1}, "geometry from 0 to 1, got 1 to 2"),
        ({"geometry": GEOMETRY - 1}, "geometry from 0 to 1, got -1 to 0"),
        ({"paint": PAINT[:2]}, r"paint as integers of shape \(3, 2\).*got.*\(2, 2\)"),
        ({"paint": PAINT[:, :1]}, r"paint as integers of shape \(3, 2\)"),
        ({"paint": PAINT + 1}, "paint from 0 to 3, got 1 to 4; number from 0"),
        ({"paint": PAINT > 0}, "paint as integers"),
    ],
)
def test_parts_that_do_not_fit_are_errors(change, message: str) -> None:
    parts = {"light": LIGHT, "geometry": GEOMETRY, "palette": COLOURS, "paint": PAINT}
    with pytest.raises(ValueError, match=message):
        PaletteImages(**(parts | change))


def test_whole_light_in_half_precision_keeps_its_sums() -> None:
    """In bfloat16 itself 127.5 + 127.5 + 0.5 would round to 256."""
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        halves = torch.tensor([127.5, 127.5], dtype=dtype).view(1, 2, 1, 1)
        assert whole_light(halves).flatten().tolist() == [128, 127]


@pytest.mark.parametrize("bad", [[float("nan"), 1], [float("inf"), 1], [-3, 1], [200, 100]])
def test_light_that_no_pixel_has_is_refused(bad) -> None:
    with pytest.raises(ValueError, match="light from 0 that sums over regions to 255 at most"):
        whole_light(torch.tensor(bad, dtype=torch.float32).view(1, 2, 1, 1))
    with pytest.raises(ValueError, match=r"light \(G, R, H, W\), got shape \(2,\)"):
        whole_light(torch.tensor(bad))


@pytest.mark.parametrize("size", [3, 0, -1, 7, 128, 2.0, 24])
def test_images_are_averaged_over_whole_blocks(size) -> None:
    """A side of 3 would leave the 64th row and column out, one of 63 would give 64."""
    images = torch.full((1, 2, 64, 64), 100, dtype=torch.uint8)
    for pooling in (pooled_light, averaged):
        with pytest.raises(ValueError, match=f"times a power of two, got 64 x 64 and {size}"):
            pooling(images, size)
        with pytest.raises(ValueError, match="got 64 x 32 and 8"):
            pooling(images[..., :32], 8)
