"""Estimates of the aggregate posterior and of the parts of the KL term."""

from disentangled.estimators.dataset import log_aggregate_posterior_dataset
from disentangled.estimators.density_ratio import density_ratio_total_corr
from disentangled.estimators.kl_terms import KLTerms, kl_terms, kl_terms_sampled
from disentangled.estimators.minibatch import (
    SCHEMES,
    Scheme,
    log_aggregate_posterior,
    log_batch_weights,
)
from disentangled.estimators.neighbours import Tree, neighbour_total_corr, tree_total_corr
from disentangled.estimators.total_corr_bound import total_corr_bound

__all__ = [
    "SCHEMES",
    "KLTerms",
    "Scheme",
    "Tree",
    "density_ratio_total_corr",
    "kl_terms",
    "kl_terms_sampled",
    "log_aggregate_posterior",
    "log_aggregate_posterior_dataset",
    "log_batch_weights",
    "neighbour_total_corr",
    "total_corr_bound",
    "tree_total_corr",
]
