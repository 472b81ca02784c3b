"""The bench of one GPU, as far as a CPU can try it."""

import json

import gpu
import pytest
import torch

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def test_without_a_gpu_it_says_what_it_would_do(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["gpu.py"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main() == 0
    said = capsys.readouterr().out
    assert said.startswith(f"There is no GPU here. With one, this would measure {len(gpu.CASES)}")
    assert "library's conv 64, batch 64, β-TCVAE: 10 seeds side by side, graph, fp32" in said


@pytest.mark.parametrize("place", [2, 4, 9])
def test_its_steps_run_on_a_cpu(place):
    case = gpu.small(gpu.CASES[place])
    images = gpu.of_two(gpu.data.load(case.run.dataset, size=case.run.size))
    assert gpu.unequal(case, images, CPU) == (0, 0)
    found = gpu.measured(case, images, CPU, 0)
    assert found["steps"] == gpu.CHUNK
    assert found["ms"] > 0
    assert json.dumps(found)


def test_models_that_differ_are_counted(monkeypatch):
    case = gpu.small(gpu.CASES[9])
    images = gpu.of_two(gpu.data.load(case.run.dataset, size=case.run.size))
    models = gpu.models

    def turned(case, images, device):
        stack = models(case, images, device)
        if case.graph:
            next(iter(stack.params["encoder"].values())).data[0, 0] += 1
        return stack

    monkeypatch.setattr(gpu, "models", turned)
    of_graph, of_eager = gpu.unequal(case, images, CPU)
    assert of_graph > 0 == of_eager
