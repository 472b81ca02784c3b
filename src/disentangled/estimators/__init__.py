"""Estimates of the aggregate posterior and of the parts of the KL term."""

from disentangled.estimators.minibatch import (
    SCHEMES,
    Scheme,
    log_aggregate_posterior,
    log_batch_weights,
)

__all__ = ["SCHEMES", "Scheme", "log_aggregate_posterior", "log_batch_weights"]
