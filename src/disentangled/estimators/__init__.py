"""Estimates of the aggregate posterior and of the parts of the KL term."""

from disentangled.estimators.dataset import (
    KLTerms,
    kl_terms_sampled,
    log_aggregate_posterior_dataset,
)
from disentangled.estimators.density_ratio import density_ratio_total_corr
from disentangled.estimators.minibatch import (
    SCHEMES,
    Scheme,
    log_aggregate_posterior,
    log_batch_weights,
)
from disentangled.estimators.quadrature import kl_terms

__all__ = [
    "SCHEMES",
    "KLTerms",
    "Scheme",
    "density_ratio_total_corr",
    "kl_terms",
    "kl_terms_sampled",
    "log_aggregate_posterior",
    "log_aggregate_posterior_dataset",
    "log_batch_weights",
]
