"""The device, its budget and its precision."""

import contextlib
import os

import pytest
import tiny
import torch

from disentangled import costs, training
from disentangled import hardware as machines
from disentangled.data import FactorData
from disentangled.hardware import Hardware
from disentangled.stacks import Stack


def test_budgets():
    assert Hardware(torch.device("cpu")).budget() == machines.CPU_BUDGET
    assert Hardware(torch.device("cuda"), memory=123).budget() == 123


def test_autocast_is_for_bf16_alone():
    a = torch.ones(2, 2)
    for precision, dtype in [("fp32", torch.float32), ("bf16", torch.bfloat16)]:
        with tiny.CPU.autocast(precision):
            assert (a @ a).dtype == dtype


def test_a_dry_step_of_bf16_has_no_autocast_and_plays():
    """torch has none on the device without values, and a run's memory is planned there."""
    sizes = [costs.dry_step(tiny.run(precision=p), (1, 4, 4)) for p in ("fp32", "bf16", "tf32")]
    assert sizes[0] == sizes[1] == sizes[2]


GPU = Hardware(torch.device("cuda"))


def switches():
    """What torch has products and convolutions of float32 computed in, in all its spellings."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    newer = [getattr(part, "fp32_precision", None) for part in (matmul, getattr(cudnn, "conv", 0))]
    return torch.get_float32_matmul_precision(), matmul.allow_tf32, cudnn.allow_tf32, *newer


@pytest.fixture
def ampere(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))


@pytest.fixture(params=[("highest", True), ("high", False), ("medium", True), ("highest", False)])
def before(request):
    """Switches as a user may have left them; torch's own defaults afterwards."""
    matmul, convolution = request.param
    torch.set_float32_matmul_precision(matmul)
    torch.backends.cudnn.allow_tf32 = convolution
    yield switches()
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_products_are_of_the_precision_and_the_switches_as_before(precision, before, ampere):
    allowed = precision == "tf32"
    with GPU.products(precision):
        assert switches()[:3] == ("high" if allowed else "highest", allowed, allowed)
        with GPU.products("fp32"):  # a score in the middle of training
            assert switches()[:3] == ("highest", False, False)
        assert switches()[:3] == ("high" if allowed else "highest", allowed, allowed)
    assert switches() == before
    with pytest.raises(KeyError), GPU.products(precision):
        raise KeyError
    assert switches() == before


@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "conv"), reason="an older torch")
def test_switches_in_the_newer_spelling_come_back(ampere):
    matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = matmul.fp32_precision, conv.fp32_precision
    matmul.fp32_precision, conv.fp32_precision = "tf32", "ieee"
    try:
        with GPU.products("fp32"):
            assert switches()[:3] == ("highest", False, False)
        assert (matmul.fp32_precision, conv.fp32_precision) == ("tf32", "ieee")
    finally:
        matmul.fp32_precision, conv.fp32_precision = before
        torch.backends.cudnn.allow_tf32 = True


def test_other_devices_leave_the_switches(monkeypatch, before):
    for precision, kind in [("fp32", "cpu"), ("bf16", "cpu"), ("tf32", "meta")]:
        with Hardware(torch.device(kind)).products(precision):
            assert switches() == before


def test_tf32_where_there_is_none_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    for hardware in (tiny.CPU, GPU):
        with (
            pytest.raises(ValueError, match=r"of Ampere or later, .* with precision='fp32'"),
            hardware.products("tf32"),
        ):
            raise AssertionError
    with pytest.raises(ValueError, match="this is a cpu without it"):
        training.fit(tiny.run(precision="tf32"), [0], tiny.images(), hardware=tiny.CPU)


def test_a_step_and_its_backward_pass_are_of_the_runs_precision(monkeypatch):
    held, steps = [], []  # precisions at work, and those at each backward pass or look at images

    @contextlib.contextmanager
    def noted(self, precision):
        held.append(precision)
        yield
        held.pop()

    monkeypatch.setattr(Hardware, "products", noted)
    slopes = torch.autograd.grad

    def backward(*arguments, **more):
        steps.append(list(held))
        return slopes(*arguments, **more)

    monkeypatch.setattr(torch.autograd, "grad", backward)
    fitted = training.fit(tiny.run(precision="tf32", steps=50), [0], tiny.images(),
                          hardware=tiny.CPU)  # fmt: skip
    assert steps == [["tf32"]] * len(steps)
    assert len(steps) >= 50
    data = tiny.images()
    pixels = FactorData.pixels
    monkeypatch.setattr(FactorData, "pixels",
                        lambda *a: (steps.append(list(held)), pixels(*a))[1])  # fmt: skip
    fitted.encode(data)
    assert steps[-1] == ["fp32"]


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert machines.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machines.cores() == 6


@pytest.mark.parametrize("before", [False, True])
def test_subnormals_are_zero_for_a_time_and_then_as_before(before):
    smallest = torch.tensor(torch.finfo(torch.float32).tiny)
    torch.set_flush_denormal(before)
    try:
        with tiny.CPU.without_subnormals():
            assert float(smallest / 2) == 0
        assert (float(smallest / 2) == 0) is before
    finally:
        torch.set_flush_denormal(False)
    with Hardware(torch.device("meta")).without_subnormals():
        assert float(smallest / 2) > 0


def test_units_that_died_leave_no_subnormals_and_no_parameter_tells_of_it(monkeypatch):
    """Half the units of a layer never answer; long ago they did, so Adam's means are tiny."""

    def trained():
        stack = Stack(tiny.run("vae"), [0], tiny.images(), tiny.CPU)
        first = next(iter(stack.params["encoder"].values()))
        first.data[:, :32] = 0.1
        next(p for p in stack.params["encoder"].values() if p.shape == (1, 64)).data[:, :32] = -1e3
        stack.advance()
        mean = stack.optimisers["autoencoder"].state[first]["exp_avg"]
        mean[:, :32] = 1e-38
        stack.advance()
        subnormal = (mean != 0) & (mean.abs().double() < torch.finfo(torch.float32).tiny)
        return int(subnormal.sum()), [p.detach() for p in stack.params["encoder"].values()]

    left, flushed = trained()
    monkeypatch.setattr(Hardware, "without_subnormals", lambda _: contextlib.nullcontext())
    as_they_come, kept = trained()
    assert (left, as_they_come) == (0, 32 * 16)
    for mine, theirs in zip(flushed, kept, strict=True):
        assert torch.equal(mine, theirs)
