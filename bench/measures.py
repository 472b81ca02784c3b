"""What the bench measures: sides of a comparison, each a function that returns a `Reading`."""

import math
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import plain
import torch

from disentangled import costs, data, estimators, metrics
from disentangled import hardware as machines
from disentangled.estimators import minibatch
from disentangled.hardware import Hardware
from disentangled.runs import CHUNK, Run
from disentangled.training import Stack
from disentangled.types import Code

DATA = "dsprites_rerender_grid"
WARM_UP = 10
STEPS = 100_000  # declared; far more than any side trains
SAMPLES = 10_000  # draws behind each entropy of the sampled MIG, as in Chen et al.
THINNED = 16  # of the grid's images the sampled MIG sees one in so many


class Reading(NamedTuple):
    """One measurement: units a second, floating-point operations a unit, minor page faults a
    step, and the value of a score."""

    rate: float
    flops: float = math.nan
    faults: float = math.nan
    score: float = math.nan


class Case(NamedTuple):
    """What is compared: sides by name, the straightforward one first; each takes `quick`."""

    title: str
    unit: str
    sides: dict[str, Callable[[bool], Reading]]


def clock():
    """Seconds: of the CPU where there is one thread, else on the wall (threads that wait spin)."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def timed(step, n_steps, units, flops=math.nan):
    """Call `step` n_steps times after a warm-up; `units` are done a call."""
    step()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tick = clock()
    for _ in range(n_steps):
        step()
    seconds = clock() - tick
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    return Reading(n_steps * units / seconds, flops, faults / n_steps)


def conv_run(objective, precision="fp32"):
    critic = "kim_mnih_critic" if objective == "factor_vae" else ""
    return Run(experiment="bench", profile="laptop", dataset=DATA, size=64, objective=objective,
               net="burgess_conv", critic=critic, steps=STEPS, learning_rate=plain.LEARNING_RATE,
               precision=precision)  # fmt: skip


def mlp_run(objective):
    return Run(experiment="bench", profile="laptop", dataset=DATA, size=16, pixel_area=16,
               objective=objective, net="mlp_256", steps=STEPS, learning_rate=1e-3)  # fmt: skip


def shallow_run(objective):
    """A run as papers B, C and D have it on two cores."""
    return Run(experiment="bench", profile="laptop", dataset=DATA, size=32, pixel_area=4,
               objective=objective, net="conv_shallow", steps=STEPS,
               learning_rate=2e-3)  # fmt: skip


def narrow_run(objective):
    """A run of paper A's laptop profile."""
    return Run(experiment="bench", profile="laptop", dataset=DATA, size=32, pixel_area=4,
               objective=objective, net="conv_small", steps=STEPS, learning_rate=1e-3)  # fmt: skip


def flops_per_image(run):
    return costs.dry_step(run, (1, run.size, run.size)).flops / run.batch


def train_plain(objective, quick):
    images = data.load(DATA).images.numpy()
    steps = getattr(plain, objective)(images)
    for _ in range(WARM_UP):
        next(steps)
    run = conv_run(objective)
    return timed(lambda: next(steps), 25 if quick else 75, run.batch, flops_per_image(run))


def train_ours(objective, precision, quick):
    run, hardware = conv_run(objective, precision), Hardware(torch.device("cpu"))
    machines.prepare(hardware)
    stack = Stack(run, (0,), data.load(DATA), hardware)
    reading = timed(stack.advance, 1 if quick else 3, CHUNK * run.batch, flops_per_image(run))
    return reading._replace(faults=reading.faults / CHUNK)


def train_seeds(run, n_seeds, together, quick):
    hardware = Hardware(torch.device("cpu"))
    machines.prepare(hardware)
    images = data.load(DATA, size=run.size)
    groups = [range(n_seeds)] if together else [[seed] for seed in range(n_seeds)]
    stacks = [Stack(run, tuple(group), images, hardware) for group in groups]

    def advance():
        for stack in stacks:
            stack.advance()

    n_chunks = (1 if quick else 4) if run.size == 16 else 1
    reading = timed(advance, n_chunks, CHUNK * n_seeds, flops_per_image(run) * run.batch)
    return reading._replace(faults=reading.faults / CHUNK / n_seeds)


def estimate_q(block, quick):
    """The minibatch estimate of q(z) and its gradients, in blocks of so many log-densities."""
    minibatch.BLOCK = block
    machines.prepare(Hardware(torch.device("cpu")))
    parts = torch.randn(3, 1024, 10, generator=torch.Generator().manual_seed(0))
    code = Code(*parts.requires_grad_())

    def step():
        q = estimators.log_aggregate_posterior(code, n_data=46_080, scheme="mws")
        torch.autograd.grad((q.joint - q.per_axis.sum(-1)).mean(), parts)

    return timed(step, 3 if quick else 10, 1)


def matrix_product(dtype, quick):
    """The fastest large matrix product: what the machine can do at most, in this precision."""
    side = 2048
    a, b = (torch.randn(side, side, dtype=dtype) for _ in range(2))
    readings = [timed(lambda: a @ b, 3, 2 * side**3 / 1e9) for _ in range(4 if quick else 12)]
    return max(readings)


def posteriors(images):
    """Posteriors of a model that knows four factors, one an axis, and has six axes to spare."""
    generator = torch.Generator().manual_seed(0)
    known = images.factors[:, 1:].float()
    known = (known - known.mean(0)) / known.std(0)
    idle = torch.zeros(len(images), 6)
    mean = torch.cat([known, idle], 1)
    mean += 0.1 * torch.randn(mean.shape, generator=generator)
    width = torch.tensor([-3.0] * 4 + [-0.1] * 6)
    return mean, width + 0.2 * torch.randn(mean.shape, generator=generator)


def score(evaluate, quick):
    """Evaluations a second of a score, and its value."""
    reading = timed(evaluate, 1 if quick else 2, 1)
    return reading._replace(score=float(evaluate()))


def score_mig(measure, quick):
    images = data.load(DATA, size=16)
    mean, factors = posteriors(images)[0].double().numpy(), images.factors.numpy()
    return score(lambda: measure(mean, factors), quick)


def score_mig_exact(sampled, quick):
    images = data.load(DATA, size=16)
    images = images.select(torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
                           [: len(images) // THINNED])  # fmt: skip
    mean, logvar = posteriors(images)
    factors = images.factors[:, 1:]
    if not sampled:
        return score(lambda: metrics.mig_exact(mean, logvar, factors).value, quick)
    generator = torch.Generator().manual_seed(2)
    tick = clock()
    value = plain.mig_sampled(mean, logvar, factors, SAMPLES, generator)
    return Reading(1 / (clock() - tick), score=value)


def ours(value):
    return lambda *arguments: value(*arguments).value


def training_case(objective, name):
    return Case(
        f"{name}, 4 conv + 2 FC at 64 x 64, batch 64",
        "images/s",
        {
            "plain fp32": partial(train_plain, objective),
            "ours fp32": partial(train_ours, objective, "fp32"),
            "ours bf16": partial(train_ours, objective, "bf16"),
        },
    )


def seeds_case(run, n_seeds, name):
    return Case(
        f"{n_seeds} seeds of {name}",
        "steps/s of one seed",
        {
            "in turn": partial(train_seeds, run, n_seeds, False),
            "at once": partial(train_seeds, run, n_seeds, True),
        },
    )


CASES = {
    "peak": Case(
        "matrix product, 2048 x 2048",
        "GFLOP/s",
        {
            "fp32": partial(matrix_product, torch.float32),
            "bf16": partial(matrix_product, torch.bfloat16),
        },
    ),
    "beta_tcvae": training_case("beta_tcvae", "β-TCVAE"),
    "factor_vae": training_case("factor_vae", "FactorVAE (64 + 64 codes)"),
    "seeds_mlp": seeds_case(mlp_run("beta_tcvae"), 8, "MLP 256-256 at 16 x 16, β-TCVAE"),
    "seeds_narrow": seeds_case(
        narrow_run("beta_tcvae"), 8, "4 narrow conv + 1 FC at 32 x 32, β-TCVAE"
    ),
    "seeds_shallow": seeds_case(shallow_run("beta_tcvae"), 4, "3 conv + 1 FC at 32 x 32, β-TCVAE"),
    "seeds_conv": seeds_case(conv_run("beta_tcvae"), 4, "4 conv + 2 FC at 64 x 64, β-TCVAE"),
    "estimate_q": Case(
        "minibatch estimate of q(z), batch 1,024, D = 10",
        "estimates with gradients/s",
        {
            "one block": partial(estimate_q, 1024 * 1024 * 10),
            "blocks": partial(estimate_q, minibatch.BLOCK),
        },
    ),
    "mig": Case(
        "binned MIG, N = 46,080, D = 10, K = 5",
        "scores/s",
        {"plain": partial(score_mig, plain.mig), "ours": partial(score_mig, ours(metrics.mig))},
    ),
    "mig_exact": Case(
        f"Chen's MIG, N = {46_080 // THINNED:,}, D = 10, K = 4; plain: {SAMPLES:,} draws",
        "scores/s",
        {"plain": partial(score_mig_exact, True), "ours": partial(score_mig_exact, False)},
    ),
    "sap": Case(
        "SAP by linear machines, 10,000 + 5,000 rows, D = 10, K = 5",
        "scores/s",
        {
            "plain": partial(score_mig, plain.sap),
            "ours": partial(score_mig, ours(partial(metrics.sap, kind="classifier"))),
        },
    ),
    "irs": Case(
        "IRS, N = 46,080, D = 10, K = 5",
        "scores/s",
        {"plain": partial(score_mig, plain.irs), "ours": partial(score_mig, ours(metrics.irs))},
    ),
}
