"""Codes whose scores are known. Factors are full grids, so that every value is equally likely."""

import itertools

import numpy as np


def grid(*sizes):
    """Every combination of factor values once: (prod(sizes), len(sizes)), the last fastest."""
    return np.array(list(itertools.product(*map(range, sizes))))


def identity(factors):
    """Axis k is factor k."""
    return factors.astype(float)


def permuted(factors):
    """The factors in another order, flipped and scaled, with a dead axis between."""
    code = 3.0 - 0.7 * factors[:, ::-1]
    return np.insert(code, 1, 0.25, axis=1)


def constant(factors, n_axes=3):
    """Knows nothing."""
    return np.full((len(factors), n_axes), 0.1)


def duplicated(factors):
    """Every factor on two axes."""
    return np.hstack([factors, factors]).astype(float)


def rotated(factors):
    """The first two factors turned by 45 degrees in their plane."""
    turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    return factors[:, :2] @ turn


def merged(factors):
    """One axis that holds the first two factors, and a dead axis."""
    both = factors[:, 0] * (factors[:, 1].max() + 1) + factors[:, 1]
    return np.stack([both, np.zeros(len(factors))], axis=1).astype(float)


def entropy(counts):
    """Entropy in nats of the distribution proportional to counts."""
    p = np.asarray(counts) / np.sum(counts)
    return -(p * np.log(p)).sum()
