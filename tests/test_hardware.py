"""The device, its budget and its precision."""

import os

import tiny
import torch

from disentangled import hardware as machines
from disentangled.hardware import Hardware


def test_budgets():
    assert Hardware(torch.device("cpu")).budget() == machines.CPU_BUDGET
    assert Hardware(torch.device("cuda"), memory=123).budget() == 123


def test_autocast_is_for_bf16_alone():
    a = torch.ones(2, 2)
    for precision, dtype in [("fp32", torch.float32), ("bf16", torch.bfloat16)]:
        with tiny.CPU.autocast(precision):
            assert (a @ a).dtype == dtype


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert machines.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machines.cores() == 6
