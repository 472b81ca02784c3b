"""Images that are put together when read: few geometries, coloured in by a palette."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from disentangled.arrays import tensor
from disentangled.data.images import block_side, image_index, only_images

ROUNDING = 1e-3
"""Sums of float32 shares times 255 are no further above 255."""

AT_ONCE = 64
"""Images that are coloured together: few enough for a processor's caches."""


class PaletteImages:
    """Scenes of a few regions whose colours are free: a geometry and a colour a region each.

        image(n, c, y, x) = round(Σ_r light(g_n, r, y, x) palette(p_nr, c) / 255)

    in whole numbers, so that all devices agree to the bit. Where regions are all that varies in
    colour, the renderer draws G geometries instead of N images: 480 instead of 480,000.

    Args:
        light: uint8 (G, R, H, W), of each geometry how much of a pixel is region r, and how
            bright: 255 is all of it, fully lit; over regions a pixel sums to 255 at most.
            `flat_light` makes one from a map of region numbers.
        geometry: integers (N,), g_n: of each image its geometry, 0 to G - 1.
        palette: uint8 (P, C), colours.
        paint: integers (N, R), p_nr: of each image the colour of each region, 0 to P - 1.

    Raises:
        ValueError: shapes, dtypes or values that do not fit together.
    """

    dtype = torch.uint8

    def __init__(self, light: Any, geometry: Any, palette: Any, paint: Any) -> None:
        self.light, self.palette = tensor(light, "light"), tensor(palette, "palette")
        self.geometry, self.paint = tensor(geometry, "geometry"), tensor(paint, "paint")
        self._check()
        self.palette = self.palette.to(self.device)
        self.geometry = self.geometry.to(self.device, torch.int64)
        self.paint = self.paint.to(self.device, torch.int64)
        n_images, n_channels = len(self.geometry), self.palette.shape[1]
        self.shape = torch.Size((n_images, n_channels, *self.light.shape[2:]))

    def _check(self) -> None:
        light, palette = self.light, self.palette
        if light.dtype != torch.uint8 or light.ndim != 4 or 0 in light.shape:
            raise ValueError(
                f"expected light as uint8 (G, R, H, W), got {light.dtype} of shape "
                f"{tuple(light.shape)}; scale shares with (255 * share).round().byte(), or make "
                "it from region numbers with flat_light"
            )
        if palette.dtype != torch.uint8 or palette.ndim != 2 or 0 in palette.shape:
            raise ValueError(
                f"expected a palette of colours as uint8 (P, C), got {palette.dtype} of shape "
                f"{tuple(palette.shape)}; scale with (255 * colour).round().byte()"
            )
        n_regions = light.shape[1]
        for name, values, shape, end in (
            ("geometry", self.geometry, self.geometry.shape[:1], len(light)),
            ("paint", self.paint, (*self.geometry.shape[:1], n_regions), len(palette)),
        ):
            integer = not (values.is_floating_point() or values.is_complex())
            if not integer or values.dtype == torch.bool or values.shape != shape or not shape:
                raise ValueError(
                    f"expected {name} as integers of shape "
                    f"{'(N,)' if name == 'geometry' else shape}, got {values.dtype} of shape "
                    f"{tuple(values.shape)}"
                )
            if values.device.type != "meta" and values.numel():
                low, high = int(values.min()), int(values.max())
                if low < 0 or high >= end:
                    raise ValueError(
                        f"expected {name} from 0 to {end - 1}, got {low} to {high}; number from 0"
                    )
        if light.device.type != "meta":
            most = max(int(some.sum(1, dtype=torch.int32).max()) for some in light.split(AT_ONCE))
            if most > 255:
                raise ValueError(
                    f"expected light that sums over regions to 255 at most in every pixel, got "
                    f"{most}; where regions overlap, the one in front takes from the one behind"
                )

    @property
    def device(self) -> torch.device:
        return self.light.device

    def __len__(self) -> int:
        return len(self.geometry)

    def __getitem__(self, index: Any) -> Tensor:
        """Put together the images at index (an integer, slice, mask or integers)."""
        index = image_index(index)
        geometry, paint = self.geometry[index], self.paint[index]
        parts = zip(
            geometry.reshape(-1).split(AT_ONCE),
            paint.reshape(-1, paint.shape[-1]).split(AT_ONCE),
            strict=True,
        )
        images = torch.cat([self._coloured(one, other) for one, other in parts])
        return images.reshape(*geometry.shape, *self.shape[1:])

    def _coloured(self, geometry: Tensor, paint: Tensor) -> Tensor:
        """Images uint8 (n, C, H, W) of geometries (n,) and paints (n, R)."""
        # sums are whole and below 2^16: float32 holds them exactly, whatever their order
        light = self.light[geometry].to(torch.float32).flatten(2)  # (n, R, H W)
        colour = self.palette[paint].to(torch.float32).mT  # (n, C, R)
        # rounds to nearest; halves do not occur, as 255 is odd
        images = (colour @ light).div_(255).add_(0.5).to(torch.uint8)
        return images.unflatten(-1, self.shape[2:])

    def to(self, device: torch.device | str) -> PaletteImages:
        """The same images with geometries, palette and paints on another device."""
        parts = (self.light, self.geometry, self.palette, self.paint)
        return PaletteImages(*(part.to(device) for part in parts))

    def index_select(self, dim: int, index: Tensor) -> PaletteImages:
        """The images at index (n,), sharing geometries and palette; dim is 0."""
        only_images(dim)
        geometry, paint = (part.index_select(0, index) for part in (self.geometry, self.paint))
        return PaletteImages(self.light, geometry, self.palette, paint)


def flat_light(regions: Tensor, n_regions: int) -> Tensor:
    """The light of regions with sharp edges and no shade: uint8 (G, R, H, W), 0 or 255.

    Args:
        regions: integers (G, H, W), of each pixel the number of its region, 0 to R - 1.
        n_regions: R.

    Raises:
        ValueError: another shape, or numbers of other regions.
    """
    whole = not regions.is_floating_point() and regions.ndim == 3 and regions.numel() > 0
    if not whole or int(regions.min()) < 0 or int(regions.max()) >= n_regions:
        raise ValueError(
            f"expected regions as integers (G, H, W) from 0 to {n_regions - 1}, got "
            f"{regions.dtype} of shape {tuple(regions.shape)}"
            + (f", {regions.min()} to {regions.max()}" if regions.numel() else "")
        )
    number = torch.arange(n_regions, device=regions.device)[:, None, None]
    return (regions[:, None] == number).to(torch.uint8) * 255


def whole_light(light: Tensor) -> Tensor:
    """Light in whole numbers, such that its sums over regions are the rounded sums.

        whole(r) = round(Σ_{s ≤ r} light(s)) - round(Σ_{s < r} light(s))

    Rounded one by one, two halves of 255 would come to 256.

    Args:
        light: (G, R, H, W), from 0; over regions a pixel sums to 255 at most.

    Returns:
        uint8 (G, R, H, W), each less than 1 from the light; halves of sums are rounded up.

    Raises:
        ValueError: another shape, NaN, light below 0, or sums above 255 by more than rounding.
    """
    if light.ndim != 4:
        raise ValueError(f"expected light (G, R, H, W), got shape {tuple(light.shape)}")
    # half precision has no room for fractions up here
    sums = (light if light.dtype == torch.float32 else light.double()).cumsum(1)
    if light.numel() and not (bool((light >= 0).all()) and float(sums.max()) <= 255 + ROUNDING):
        raise ValueError(
            f"expected light from 0 that sums over regions to 255 at most, got {light.min()} to "
            f"{light.max()} and sums up to {sums.max()}; scale shares by 255, and where regions "
            "overlap, the one in front takes from the one behind"
        )
    sums = sums.add(0.5).floor()
    return sums.diff(dim=1, prepend=torch.zeros_like(sums[:, :1])).to(torch.uint8)


def pooled_light(light: Tensor, size: int) -> Tensor:
    """Light averaged over square blocks, as if seen at a lower resolution.

    Images put together from it differ from the averages of those put together at full size by
    rounding alone: by (k + 3) / 2 greys at most where k regions share a pixel.

    Args:
        light: uint8 (G, R, side, side).
        size: the new side, the old one over a power of two.

    Returns:
        uint8 (G, R, size, size).

    Raises:
        ValueError: another size, or light that `whole_light` refuses.
    """
    # exact in float32: sums of whole numbers over a power of two
    return whole_light(avg_pool2d(light.to(torch.float32), block_side(light.shape, size)))
