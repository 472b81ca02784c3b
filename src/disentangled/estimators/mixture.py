r"""Entropies and log-densities of one-dimensional Gaussian mixtures with very many components.

On one axis the aggregate posterior is q(z_j) = 1/N Σ_n N(z_j; m_n, s_n²), a mixture with a
component an image. Summing it directly costs N a point. Here the components are dropped on
grids and convolved by FFT, which costs about N + G log G for all G points of the grid at once:

1. the intervals m ± 6.5 s are laid side by side on one line, gaps between them closed (a gap
   has no density, so closing it changes no entropy) and labels kept apart;
2. a standard deviation s falls among nodes σ_l in geometric progression; the component becomes
   the three Gaussians nearest to it, weighted so that the moments of s² agree up to the second;
3. on each σ_l's grid of step σ_l / 4 a mean is spread over four points, so that its moments
   agree up to the third; then FFT, times exp(-σ_l² ω² / 2), summed over l, and back.

Where one line would need too many points (means far apart, some standard deviations tiny), the
narrow components get a line of their own and the entropy is a telescoping sum over the lines,
-∫ [φ(f + g) - φ(f)] dx, φ(x) = x log x, g the narrow and f the wide components' density.

**Error**: below 1e-5 nats on an entropy where all s are equal, below 1e-4 in general.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

REACH = 6.5           # standard deviations; the mass beyond is 8e-11
RESOLUTION = 4.0      # grid points a standard deviation
LOG_STEP = 0.1        # between the nodes in log standard deviation
LONGEST = 2**20       # grid points of a line


def entropies(mean: Floats, scale: Floats, labels: Labels | None = None) -> Floats:
    """Differential entropy of each label's mixture: (N,), (N,), (N,) -> (V,), nats.

    Args:
        mean, scale: (N,) finite, scale (standard deviations) above 0.
        labels: (N,) integers, each of 0 .. V-1 at least once; None puts all in one mixture.
            Within a label all components weigh the same.

    Raises: ValueError when a scale is not positive (the entropy is -inf).
    """
    lines, group_width = _layout(mean, scale, labels)
    total = np.zeros(1 if labels is None else int(labels.max()) + 1)
    for i, line in enumerate(lines):
        where = np.arange(len(line.density)) * line.step
        segment = np.searchsorted(line.offset, where, side="right") - 1
        x = where - line.offset[segment] + line.start[segment]
        wide = np.zeros(len(x))
        for wider in lines[:i]:
            wide += wider.at(x)
        change = _x_log_x(wide + line.density) - _x_log_x(wide)
        label = ((line.start + 0.5 * line.length) // group_width).astype(np.int64)[segment]
        total -= line.step * np.bincount(label, change, len(total))
    return total


def log_density(x: Floats, mean: Floats, scale: Floats) -> Floats:
    """Log-density of the equally weighted mixture at points x: (M,), (N,), (N,) -> (M,), nats.

    Points in the far tails, where the grid's rounding error counts, are summed directly.

    Raises: ValueError when a scale is not positive.
    """
    lines, _ = _layout(mean, scale, None)
    shifted = x - (mean - REACH * scale).min()
    density = np.zeros(len(x))
    for line in lines:
        density += line.at(shifted)
    peak = max(line.density.max() for line in lines)
    tail = np.flatnonzero(density < 1e-9 * peak)
    out = np.log(np.where(density < 1e-9 * peak, 1.0, density))
    for block in np.array_split(tail, -(-len(tail) // 64) or 1):
        log_each = -0.5 * ((x[block, None] - mean) / scale) ** 2 - np.log(scale)   # (64, N)
        top = log_each.max(1, keepdims=True)
        out[block] = (top[:, 0] + np.log(np.exp(log_each - top).mean(1))
                      - 0.5 * np.log(2 * np.pi))
    return out


class _Line(NamedTuple):
    """Density on a grid over segments laid end to end, gaps closed."""

    start: Floats        # (segments,) coordinate of a segment's left end
    offset: Floats       # (segments,) its place on the line
    length: Floats       # (segments,)
    step: float
    density: Floats      # (G,)

    def at(self, x: Floats) -> Floats:
        """Density at coordinates x, 0 outside all segments."""
        segment = np.maximum(np.searchsorted(self.start, x, side="right") - 1, 0)
        inside = (x >= self.start[segment]) & (x <= self.start[segment] + self.length[segment])
        where = np.where(inside, x - self.start[segment] + self.offset[segment], 0.0)
        out = np.zeros(len(x))
        for point, weight in _stencil(where / self.step):
            out += weight * self.density[point % len(self.density)]
        return np.where(inside, out, 0.0)


def _layout(mean: Floats, scale: Floats, labels: Labels | None) -> tuple[list[_Line], float]:
    """Lines from the widest components to the narrowest; the width that keeps labels apart."""
    if not (scale > 0).all():
        raise ValueError(f"standard deviations must be above 0, the smallest is {scale.min()}: a "
                         f"code without noise has entropy -inf")
    origin = (mean - REACH * scale).min()
    width = 1.001 * float((mean + REACH * scale).max() - origin)
    centre = mean - origin
    if labels is None:
        weight = np.full(len(mean), 1 / len(mean))
    else:
        weight = (1 / np.bincount(labels))[labels]
        centre = centre + width * labels
    return _lines(centre, scale, weight), width


def _lines(centre: Floats, scale: Floats, weight: Floats) -> list[_Line]:
    low, high = centre - REACH * scale, centre + REACH * scale
    order = np.argsort(low)
    low, reached = low[order], np.maximum.accumulate(high[order])
    first = np.flatnonzero(np.append(True, low[1:] > reached[:-1]))
    start = low[first]
    length = reached[np.append(first[1:], len(low)) - 1] - start
    offset = np.cumsum(length) - length

    narrowest, widest = float(scale.min()), float(scale.max())
    step = narrowest / RESOLUTION
    total = float(length.sum())
    if total > step * LONGEST and widest > 2 * narrowest:
        wide = scale > np.sqrt(narrowest * widest)
        return (_lines(centre[wide], scale[wide], weight[wide])
                + _lines(centre[~wide], scale[~wide], weight[~wide]))

    size = next_fast_len(int(np.ceil(total / step)) + 1, real=True)
    segment = np.searchsorted(start, centre, side="right") - 1
    where = centre - start[segment] + offset[segment]
    return [_Line(start, offset, length, step, _convolved(where, scale, weight, step, size))]


def _convolved(where: Floats, scale: Floats, weight: Floats, step: float, size: int) -> Floats:
    """Density (size,) of Σ weight N(x; where, scale²) at x = 0, step, ... (periodic)."""
    narrowest, period = float(scale.min()), size * step
    depth = np.log(scale / narrowest) / LOG_STEP
    cell = np.maximum(np.rint(depth).astype(np.int64) - 1, 0)            # the first of 3 nodes
    order = np.argsort(cell, kind="stable")
    n_cells = int(cell.max()) + 1
    bound = np.searchsorted(cell[order], np.arange(n_cells + 1))
    depth, where, weight = depth[order], where[order], weight[order]

    sigma = narrowest * np.exp(LOG_STEP * np.arange(n_cells + 2))
    sizes = [next_fast_len(max(8, int(np.ceil(period * RESOLUTION / s))), real=True)
             for s in sigma]
    spread = [np.zeros(n) for n in sizes]
    for c in range(n_cells):
        part = slice(bound[c], bound[c + 1])
        if part.start == part.stop:
            continue
        for node, share in enumerate(_shares(depth[part] - c)):
            level = c + node
            for point, fraction in _stencil(where[part] * (sizes[level] / period)):
                spread[level] += np.bincount(point % sizes[level],
                                             weight[part] * share * fraction, sizes[level])
    spectrum = np.zeros(size // 2 + 1, np.complex128)
    for masses, s in zip(spread, sigma, strict=True):
        level_spectrum = rfft(masses)[: len(spectrum)]
        omega = 2 * np.pi / period * np.arange(len(level_spectrum))
        spectrum[: len(level_spectrum)] += level_spectrum * np.exp(-0.5 * (s * omega) ** 2)
    density: Floats = np.maximum(irfft(spectrum, size), 0.0) / step
    return density


def _shares(depth: Floats) -> tuple[Floats, Floats, Floats]:
    """Weights of nodes 0, 1, 2 that give s^0, s^2 and s^4 exactly, s = exp(LOG_STEP depth)."""
    r = np.exp(2 * LOG_STEP)
    v = np.exp(2 * LOG_STEP * depth)
    return ((v - r) * (v - r * r) / ((1 - r) * (1 - r * r)),
            (v - 1) * (v - r * r) / ((r - 1) * (r - r * r)),
            (v - 1) * (v - r) / ((r * r - 1) * (r * r - r)))


def _stencil(place: Floats) -> tuple[tuple[Labels, Floats], ...]:
    """The four grid points around each place, with cubic interpolation's weights."""
    point = np.floor(place).astype(np.int64)
    u = place - point
    return ((point - 1, -u * (u - 1) * (u - 2) / 6),
            (point, (u + 1) * (u - 1) * (u - 2) / 2),
            (point + 1, -(u + 1) * u * (u - 2) / 2),
            (point + 2, (u + 1) * u * (u - 1) / 6))


def _x_log_x(x: Floats) -> Floats:
    return x * np.log(np.where(x > 0, x, 1.0))
