r"""Entropies and log-densities of one-dimensional Gaussian mixtures with very many components.

On one axis the aggregate posterior is q(z_j) = 1/N Σ_n N(z_j; m_n, s_n²), a mixture with a
component an image. Summing it directly costs N a point. Here the components are dropped on
grids and convolved by FFT, which costs about N + G log G for all G points of the grid at once:

1. the intervals m ± 6.5 s are laid side by side on one line, gaps between them closed (a gap
   has no density, so closing it changes no entropy) and labels kept apart;
2. a standard deviation s falls among nodes σ_l in geometric progression; the component becomes
   the three Gaussians nearest to it, weighted so that s², and s⁴, come out right;
3. on each σ_l's grid of step σ_l / 5 a mean is spread over four points, so that its moments
   come out right up to the third; then FFT, times exp(-σ_l² ω² / 2), summed over l, and back.

Where one line would need too many points (means far apart, some standard deviations tiny), the
narrow components get a line of their own, and the entropy is a telescoping sum over the lines:
-∫ [φ(f + g) - φ(f)] dx, φ(x) = x log x, with g the density of a line's own components and f
that of all wider ones.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

REACH = 6.5  # standard deviations; the mass beyond is 8e-11
RESOLUTION = 5.0  # grid points a standard deviation
LOG_STEP = 0.06  # between the nodes, in log standard deviation
LONGEST = 2**18  # grid points of a line whose components differ much in scale
OCTAVE = 12  # nodes that share a grid
ROUNDING = 1e-13  # of the FFT, relative to the peak of the density
FINEST = 1e-14  # of the spread of means: float64 rounds less than this away
CUTOFF = 8.6  # frequencies beyond, in 1/s, are damped below rounding


class Mixture:
    """A one-dimensional Gaussian mixture of N equally likely components, prepared for many uses.

    Args:
        mean, scale: (N,) finite, scale in standard deviations, all above 0.

    Raises: ValueError on other shapes, on NaN, on a scale that is not above 0, since such a code
    has no density, or on one below 1e-14 of the spread of means.
    """

    def __init__(self, mean: ArrayLike, scale: ArrayLike) -> None:
        mean, scale = np.asarray(mean, np.float64), np.asarray(scale, np.float64)
        if mean.ndim != 1 or mean.shape != scale.shape or not len(mean):
            raise ValueError(
                f"mean and scale must both be (N,), got shapes {mean.shape} and {scale.shape}"
            )
        narrowest = float(scale.min())
        if not (np.isfinite(mean).all() and np.isfinite(scale).all() and narrowest > 0):
            raise ValueError(
                f"mean and scale must be finite and scale above 0, the smallest "
                f"scale is {narrowest}: a code without noise has no density"
            )
        spread = float(mean.max() - mean.min())
        if narrowest < FINEST * spread:
            raise ValueError(
                f"scale must be {FINEST:g} of the spread of means or more, got {narrowest:.3g} "
                f"at a spread of {spread:.3g}: float64 cannot tell such noise from none; look for "
                "a diverged run, and leave it out"
            )
        depth = np.log(scale / narrowest) / LOG_STEP
        cell = np.maximum(np.rint(depth) - 1, 0).astype(np.int16)  # the first of 3 nodes
        # Everything below is in the order of the cells, so that a range of cells is a slice.
        self._order = np.argsort(cell, kind="stable")
        self._cell = cell[self._order].astype(np.int64)
        n_cells = int(self._cell[-1]) + 1
        self._bound = np.searchsorted(self._cell, np.arange(n_cells + 1))
        self._sigma = narrowest * np.exp(LOG_STEP * np.arange(n_cells + 2))
        self._shares = _shares(depth[self._order] - self._cell)  # (3, N)
        low, high = (mean - REACH * scale)[self._order], (mean + REACH * scale)[self._order]
        self._origin = float(low.min())
        self._width = 1.001 * float(high.max() - self._origin)
        self._mean, self._low, self._high = (
            mean[self._order] - self._origin,
            low - self._origin,
            high - self._origin,
        )
        self._left_to_right = np.argsort(low)

    def entropies(self, labels: Labels | None = None) -> Floats:
        """Differential entropy of the mixture of each label's components: (N,) -> (V,), nats.

        Args:
            labels: (N,), each of 0 .. V-1 at least once; None puts all components in one.

        **Error**: of the grid, within 6e-5 nats of quadrature for 1 to 60 components whose
        scales differ by up to 20 times (on average high by 3e-6), within 2e-5 from 60 on,
        shrinking as components are added; scales may go down to 1e-14 of the spread of means.
        """
        if labels is None:
            lines, total = self._whole, np.zeros(1)
        else:
            lines = self._lines(labels[self._order], 0, len(self._bound) - 1)
            total = np.zeros(int(labels.max()) + 1)
        for i, line in enumerate(lines):
            wide = np.zeros(len(line.density))
            if i:
                x = line.coordinates()
                wide = np.sum([wider.at(x) for wider in lines[:i]], axis=0)
            change = _x_log_x(wide + line.density) - _x_log_x(wide)
            total -= line.step * np.bincount(line.label, change, len(total))
        return total

    def log_density(self, x: Floats) -> Floats:
        """Log-density at points x (M,) in nats, (M,).

        Where the density is under 1e-7 of its peak, the components are summed one by one.

        **Error**: within 3e-4 nats at draws from 3,000 components, 1e-6 on average over draws;
        up to 1e-2 in the far tail of a single narrow component.
        """
        density = np.sum([line.at(x - self._origin) for line in self._whole], axis=0)
        far = density < 1e-7 * max(line.density.max() for line in self._whole)
        log_density: Floats = np.log(np.where(far, 1.0, density))
        scale = (self._high - self._low) / (2 * REACH)
        for i in np.flatnonzero(far):
            each = -0.5 * ((x[i] - self._origin - self._mean) / scale) ** 2 - np.log(scale)
            log_density[i] = np.logaddexp.reduce(each) - np.log(len(each) * np.sqrt(2 * np.pi))
        return log_density

    @cached_property
    def _whole(self) -> list[_Line]:
        """Lines of all components under one label."""
        return self._lines(np.zeros(len(self._mean), np.int64), 0, len(self._bound) - 1)

    def _lines(self, label: Labels, first: int, last: int) -> list[_Line]:
        """Lines from the widest components to the narrowest; of cells first .. last - 1."""
        part = slice(self._bound[first], self._bound[last])
        if part.start == part.stop:
            return []
        order = self._left_to_right
        if part.stop - part.start < len(order):
            order = order[(order >= part.start) & (order < part.stop)] - part.start
        own = label[part]
        if own.any():
            short = own[order].astype(np.min_scalar_type(own.max()))  # small integers sort faster
            order = order[np.argsort(short, kind="stable")]
        left = self._width * own[order]

        low, high = self._low[part][order] + left, self._high[part][order] + left
        reached = np.maximum.accumulate(high)
        opens = np.append(True, low[1:] > reached[:-1])
        opening = np.flatnonzero(opens)
        start = low[opening]
        length = reached[np.append(opening[1:], len(low)) - 1] - start
        offset = np.cumsum(length) - length

        step = self._sigma[first] / RESOLUTION
        n_points = float(length.sum()) / step
        if n_points > LONGEST and last - first > OCTAVE:
            middle = (first + last) // 2
            return self._lines(label, middle, last) + self._lines(label, first, middle)

        place = np.empty(len(order))
        segment = np.cumsum(opens) - 1
        place[order] = self._mean[part][order] + left + (offset - start)[segment]
        size = next_fast_len(int(np.ceil(n_points)) + 1, real=True)
        density = self._convolved(place, first, last, step, size)
        segment = np.searchsorted(offset, step * np.arange(size), side="right") - 1
        line_label = own[order][opening][segment]
        density /= np.bincount(label)[line_label]
        return [_Line(start, offset, length, step, density, line_label)]

    def _convolved(self, place: Floats, first: int, last: int, step: float, size: int) -> Floats:
        """Density (size,) at 0, step, ... of components at `place`, each of mass 1."""
        period = size * step
        spectrum = np.zeros(size // 2 + 1, np.complex128)
        for begin in range(first, last, OCTAVE):
            end = min(begin + OCTAVE, last)
            part = slice(self._bound[begin], self._bound[end])
            if part.start == part.stop:
                continue
            sigma = self._sigma[begin : end + 2, None]
            n_points = next_fast_len(int(np.ceil(period * RESOLUTION / sigma[0, 0])), real=True)
            here = place[part.start - self._bound[first] : part.stop - self._bound[first]]
            point, weight = _stencil(here * (n_points / period))
            point += (self._cell[part] - begin) * n_points
            masses = np.zeros(len(sigma) * n_points)
            for share in self._shares[:, part]:
                masses += np.bincount(point.ravel(), (weight * share).ravel(), len(masses))
                point += n_points
            kept = int(CUTOFF * period / (2 * np.pi * sigma[0, 0])) + 1
            omega = 2 * np.pi / period * np.arange(kept)
            kernel = np.exp(-0.5 * (sigma * omega) ** 2)
            spectrum[:kept] += (rfft(masses.reshape(-1, n_points))[:, :kept] * kernel).sum(0)
        return np.maximum(irfft(spectrum, size), 0.0) / step


class _Line(NamedTuple):
    """A density on a grid over segments that are laid end to end."""

    start: Floats  # (segments,) coordinate of a segment's left end
    offset: Floats  # (segments,) its place on the line
    length: Floats  # (segments,)
    step: float
    density: Floats  # (G,)
    label: Labels  # (G,)

    def coordinates(self) -> Floats:
        """Coordinate of every grid point, (G,)."""
        place: Floats = np.arange(len(self.density), dtype=np.float64) * self.step
        begin = np.searchsorted(place, self.offset)
        place += np.repeat(self.start - self.offset, np.diff(begin, append=len(place)))
        return place

    def at(self, x: Floats) -> Floats:
        """Density at coordinates x, 0 outside all segments."""
        segment = np.maximum(np.searchsorted(self.start, x, side="right") - 1, 0)
        inside = (x >= self.start[segment]) & (x <= self.start[segment] + self.length[segment])
        place = np.where(inside, x - self.start[segment] + self.offset[segment], 0.0)
        point, weight = _stencil(place / self.step)
        floor = ROUNDING * self.density.max()
        log_density = np.log(np.maximum(self.density.take(point, mode="clip"), floor))
        density: Floats = np.exp((weight * log_density).sum(0))
        density[~inside] = 0.0
        return density


def _shares(depth: Floats) -> Floats:
    """Weights (3, N) of nodes 0, 1, 2 under which s², and s⁴, s = exp(LOG_STEP depth), agree."""
    r = np.exp(2 * LOG_STEP)
    v = np.exp(2 * LOG_STEP * depth)
    return np.stack(
        [
            (v - r) * (v - r * r) / ((1 - r) * (1 - r * r)),
            (v - 1) * (v - r * r) / ((r - 1) * (r - r * r)),
            (v - 1) * (v - r) / ((r * r - 1) * (r * r - r)),
        ]
    )


def _stencil(place: Floats) -> tuple[Labels, Floats]:
    """The four grid points around each place (4, N), with cubic interpolation's weights."""
    point, weight = np.empty((4, len(place)), np.int64), np.empty((4, len(place)))
    floor = place.astype(np.int64)
    np.add(floor, [[-1], [0], [1], [2]], out=point)
    u = place - floor
    a, b, c = u + 1, u - 1, u - 2
    ab, uc = a * b, u * c
    np.multiply(uc, b * (-1 / 6), out=weight[0])
    np.multiply(ab, c * 0.5, out=weight[1])
    np.multiply(uc, a * -0.5, out=weight[2])
    np.multiply(ab, u * (1 / 6), out=weight[3])
    return point, weight


def _x_log_x(x: Floats) -> Floats:
    return x * np.log(np.where(x > 0, x, 1.0))
