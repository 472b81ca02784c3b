"""Faults to plant in the package, which the checks of the chapters have to notice."""

from __future__ import annotations

import csv
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple

from disentangled import sealed


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
    """The function that a fault breaks, without what wraps it."""
    module, _, name = fault.function.partition(":")
    return inspect.unwrap(attrgetter(name)(import_module(f"disentangled.{module}")))


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
    n_found = source.count(fault.right)
    if n_found != 1:
        raise ValueError(
            f"{fault.function} should hold {fault.right!r} once, not {n_found} times:"
            " bring the fault in line with the function"
        )
    made: dict[str, FunctionType] = {}
    changed = source.replace(fault.right, fault.wrong)
    exec(compile(changed, f"<{fault.function}>", "exec"), function.__globals__, made)
    try:
        function.__code__ = inspect.unwrap(made[function.__name__]).__code__
        yield
    finally:
        function.__code__ = healthy


def _read() -> dict[str, Fault]:
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return {row.pop("name"): Fault(**row) for row in csv.DictReader(file)}


FOUND = Path(__file__).with_name("results") / "claims" / "faults.json"
"""For each statement the faults that its check caught; `checks` writes it."""


def caught() -> dict[str, list[str]]:
    """For each statement the faults that its check caught.

    Raises:
        ValueError: a file that was edited, or that names no fault of `FAULTS`.
    """
    again = "`python book/checks.py` makes it anew"
    found = sealed.read(FOUND, again)
    if unknown := {name for names in found.values() for name in names} - FAULTS.keys():
        raise ValueError(f"{FOUND} names {sorted(unknown)}, which are not planted; {again}")
    return found


FAULTS = _read()
"""Name, and what is planted, from `faults.csv`, in the order of the package."""
