"""Faults to plant in the package, which the checks of the chapters have to notice."""

from __future__ import annotations

import __future__ as future

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from operator import attrgetter
from types import CodeType, FunctionType
from typing import NamedTuple


class Fault(NamedTuple):
    """A line of a function of the package and what takes its place.

    function: "module:function", below `disentangled`.
    right: a part of its source, which occurs there once.
    wrong: what replaces it.
    why: what is wrong then, in a few words.
    """

    function: str
    right: str
    wrong: str
    why: str


def function_of(fault: Fault) -> FunctionType:
    """The function that a fault breaks."""
    module, _, name = fault.function.partition(":")
    return attrgetter(name)(import_module(f"disentangled.{module}"))


def code_of(fault: Fault) -> CodeType:
    """The code that the function has now."""
    return function_of(fault).__code__


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The package with the fault in it.

    The function's code is exchanged in place, so that every reference to it has the fault.

    Raises:
        ValueError: the function does not hold the right text exactly once.
    """
    function, healthy = function_of(fault), code_of(fault)
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(fault.right) != 1:
        raise ValueError(
            f"{fault.function} should hold {fault.right!r} once, and does {source.count(fault.right)}"
            " times: bring the fault in line with the function"
        )
    made: dict[str, FunctionType] = {}
    flags = future.annotations.compiler_flag
    changed = source.replace(fault.right, fault.wrong)
    code = compile(changed, f"<{fault.function}, broken>", "exec", flags)
    exec(code, function.__globals__, made)
    try:
        function.__code__ = made[function.__name__].__code__
        yield
    finally:
        function.__code__ = healthy


FAULTS: dict[str, Fault] = {
    "entropies in bits": Fault(
        "information:_entropy",
        ".sum())\n",
        ".sum() / torch.tensor(2.0).log())\n",
        "entropies of tables are in bits",
    ),
    "no logarithm": Fault(
        "information:_entropy",
        "torch.special.entr(marginal)",
        "(marginal * (1 - marginal))",
        "entropies of tables are Σ p (1 - p)",
    ),
    "H(given) dropped": Fault(
        "information:mutual_information",
        "- _entropy(joint, context)",
        "",
        "the conditional information keeps H(given)",
    ),
    "given ignored by I": Fault(
        "information:mutual_information",
        "for axes in (a, b, given)",
        "for axes in (a, b, ())",
        "the conditional information is the plain one",
    ),
    "H(a | b) for I(a; b)": Fault(
        "information:mutual_information",
        "_entropy(joint, left | context)\n",
        "0\n",
        "the information lacks the entropy of a",
    ),
    "given ignored by TC": Fault(
        "information:total_correlation",
        "_axes(joint, given)",
        "_axes(joint, ())",
        "the conditional total correlation is the plain one",
    ),
    "n H(x) for (n - 1) H(x)": Fault(
        "information:total_correlation",
        "(len(axes) - 1)",
        "len(axes)",
        "the conditional total correlation lacks an entropy of what is given",
    ),
    "TC of pairs": Fault(
        "information:total_correlation",
        "parts - _entropy(joint, together | context) - rest",
        "0.5 * (parts - _entropy(joint, together | context) - rest)",
        "the total correlation of a table is halved",
    ),
    "log 2π dropped": Fault(
        "gaussian:log_prob",
        "(logvar + LOG_TWO_PI)",
        "logvar",
        "the density of a posterior lacks its constant",
    ),
    "variance for sd": Fault(
        "gaussian:log_prob",
        "torch.exp(-0.5 * logvar)",
        "torch.exp(-logvar)",
        "the density of a posterior divides by variances where it should by standard deviations",
    ),
    "log 2π dropped from the prior": Fault(
        "gaussian:standard_log_prob",
        "z * z + LOG_TWO_PI",
        "z * z",
        "the density of the prior lacks its constant",
    ),
    "half dropped from the KL": Fault(
        "gaussian:kl_standard",
        "0.5 * (mean",
        "(mean",
        "the KL to the prior is doubled",
    ),
    "one dropped from the KL": Fault(
        "gaussian:kl_standard",
        "torch.expm1(logvar)",
        "torch.exp(logvar)",
        "the KL to the prior is high by a half on every axis",
    ),
    "log det of the noise dropped": Fault(
        "gaussian:joint_log_prob",
        " - noise.half_log_det",
        "",
        "the density under correlated noise lacks its determinant",
    ),
    "det for its root": Fault(
        "gaussian:prepared",
        "0.5 * log_det(noise)",
        "log_det(noise)",
        "the density under correlated noise divides by the determinant, not its root",
    ),
    "variances left out of log det": Fault(
        "gaussian:log_det",
        "variances.log().sum() + ",
        "",
        "the log-determinant is that of the correlations",
    ),
    "half dropped from TC": Fault(
        "gaussian:total_correlation",
        "return 0.5 * (",
        "return (",
        "the total correlation of a Gaussian is doubled",
    ),
    "correlations halved": Fault(
        "gaussian:equicorrelated",
        "+ sigma * torch",
        "+ 0.5 * sigma * torch",
        "the correlated noise has variances 1 - σ / 2",
    ),
    "D dropped from the KL": Fault(
        "gaussian:kl",
        "- n_axes ",
        "",
        "the KL of two Gaussians lacks the number of axes",
    ),
    "determinants exchanged": Fault(
        "gaussian:kl",
        "log_det1 - log_det0",
        "log_det0 - log_det1",
        "the KL of two Gaussians has its determinants the wrong way round",
    ),
    "noise left out of the KL": Fault(
        "gaussian:kl_to_prior",
        " - log_det(noise)",
        "",
        "the KL under correlated noise is that of independent noise",
    ),
    "own weight as any other": Fault(
        "estimators.minibatch:mss",
        "diagonal(first).fill_(-math.log(n_data))",
        "diagonal(first).fill_(-math.log(n_others))",
        "stratified sampling overweighs the sample's own posterior",
    ),
    "MSS as released": Fault(
        "estimators.minibatch:log_batch_weights",
        "SCHEMES[scheme](",
        'SCHEMES["mss_released" if scheme == "mss" else scheme](',
        "stratified sampling has the weights of the code released with the paper",
    ),
    "N dropped from MWS": Fault(
        "estimators.minibatch:mws",
        "n_data * log_weights.shape[1]",
        "log_weights.shape[1]",
        "minibatch weighted sampling lacks the size of the data set",
    ),
    "M dropped from naive": Fault(
        "estimators.minibatch:naive",
        "-math.log(log_weights.shape[1])",
        "0.0",
        "the naive estimate is a sum, not a mean",
    ),
    "N for N - 1": Fault(
        "estimators.minibatch:uniform",
        "(n_data - 1) /",
        "n_data /",
        "uniform weights do not sum to one",
    ),
    "axes unweighted": Fault(
        "estimators.minibatch:_Mixture.log_q",
        "log_weights[..., None] + given.per_axis",
        "given.per_axis",
        "a minibatch estimates log q(z_j) without weights",
    ),
    "N dropped from q(z)": Fault(
        "estimators.dataset:log_mixture",
        " - math.log(len(mean))",
        "",
        "the aggregate posterior is a sum, not a mean",
    ),
    "log q(z) off": Fault(
        "estimators.kl_terms:_mean_logs",
        "mass @ log_mixture(z, mean, logvar, noise)",
        "mass @ log_mixture(z, mean, logvar, noise) * 1.1",
        "a wrong E log q(z), which cancels in the sum of the three parts",
    ),
    "axes halved": Fault(
        "estimators.kl_terms:_parts",
        ").sum()\n",
        ").sum() / 2\n",
        "a wrong Σ E log q(z_j), which cancels in the sum of the three parts",
    ),
    "sign of TC": Fault(
        "estimators.kl_terms:_parts",
        "log_q - log_q_axes",
        "log_q_axes - log_q",
        "the total correlation of the KL term has the wrong sign",
    ),
    "x log2 x": Fault(
        "estimators.mixture:_x_log_x",
        "np.log(",
        "np.log2(",
        "entropies of mixtures are in bits",
    ),
    "density ratio reversed": Fault(
        "estimators.density_ratio:density_ratio_total_corr",
        "logits[:, 0] - logits[:, 1]",
        "logits[:, 1] - logits[:, 0]",
        "the critic's total correlation has the wrong sign",
    ),
    "KL removed from β-VAE": Fault(
        "objectives.elbo:beta_vae",
        "distortion + beta * kl",
        "distortion",
        "the β-VAE is an autoencoder",
    ),
    "KL removed from FactorVAE": Fault(
        "objectives.factor_vae:factor_vae",
        "distortion + kl + gamma",
        "distortion + gamma",
        "FactorVAE has its penalty alone",
    ),
    "noise left out of the ELBO": Fault(
        "objectives.elbo:mean_kl",
        "diagonal + noise.total_corr",
        "diagonal",
        "the KL term of the objectives lacks the constant of correlated noise",
    ),
    "axis-wise KL dropped": Fault(
        "objectives.beta_tcvae:beta_tcvae",
        " + gamma * axis_kl",
        "",
        "β-TCVAE lacks the axis-wise KL",
    ),
    "β - 1 for β": Fault(
        "objectives.beta_tcvae:beta_tcvae",
        "beta * total_corr",
        "(beta - 1) * total_corr",
        "β-TCVAE's weight is one too low",
    ),
    "β for β - 1": Fault(
        "objectives.beta_tcvae:beta_tcvae_dlib",
        "(beta - 1)",
        "beta",
        "the library's β-TCVAE counts the total correlation once too often",
    ),
    "second best forgotten": Fault(
        "metrics.mig:gaps",
        "ranked[:, -2]",
        "ranked[:, 0]",
        "the gap is the information of the best axis",
    ),
    "MIG not normalised": Fault(
        "metrics.mig:mig",
        "gaps(information) / entropy",
        "gaps(information)",
        "binned MIG is in nats",
    ),
    "entropies added": Fault(
        "metrics.mig_exact:mig_exact",
        "entropy[axis] - given",
        "entropy[axis] + given",
        "the information of an axis adds H(z | v)",
    ),
    "exact MIG not normalised": Fault(
        "metrics.mig_exact:mig_exact",
        "gaps(information) / factor_entropy",
        "gaps(information)",
        "MIG is in nats",
    ),
    "factor entropies in bits": Fault(
        "metrics.inputs:Factors.entropies",
        "np.log(p)",
        "np.log2(p)",
        "MIG is divided by entropies in bits",
    ),
}
"""Name, and what is planted; the ledger lists them in this order."""

PLAIN: dict[str, str] = {}
