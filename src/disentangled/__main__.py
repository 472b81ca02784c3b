"""`python -m disentangled`: what there is, by the names under which it is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from disentangled import data, sweeps
from disentangled.estimators import SCHEMES
from disentangled.experiments import EXPERIMENTS, PROFILES, settings
from disentangled.metrics import METRICS
from disentangled.nets import CRITICS, NETS, PARTS
from disentangled.objectives import OBJECTIVES
from disentangled.progress import print_anything
from disentangled.scoring import SCORES

Line = tuple[str, ...]


def listing() -> str:
    """All registries and the rows on disk, a line an entry, in aligned columns."""
    sections: dict[str, Iterator[Line]] = {
        "data sets, data.load(name)": _data_sets(),
        "objectives, with their weights": _objectives(),
        "nets": ((name, _about(net.encoder)) for name, net in NETS.items()),
        "nets of other roles": ((name, _about(part.build)) for name, part in PARTS.items()),
        "critics": ((name, _about(critic)) for name, critic in CRITICS.items()),
        "metrics, metrics.name(codes, factors)": _functions(METRICS),
        "scores of trained models, which settings name": (
            (name, _about(score.take)) for name, score in SCORES.items()
        ),
        "estimates of q(z) from a minibatch, by scheme": _functions(SCHEMES),
        "experiments, python -m disentangled.sweeps NAME PROFILE": _functions(EXPERIMENTS),
        "profiles": ((name, about) for name, about in PROFILES.items()),
        "rows on disk, sweeps.rows(experiment, profile)": _rows(),
    }
    entries = {title: list(lines) for title, lines in sections.items()}
    return "\n\n".join(f"{title}\n{_aligned(lines)}" for title, lines in entries.items() if lines)


def _data_sets() -> Iterator[Line]:
    for name, data_set in data.DATA_SETS.items():
        place = data.on_disk(name)
        rendered = "rendered here, no file needed"
        missing = f"not on disk: {data_set.get}" if data_set.find else rendered
        yield name, data_set.about, f"on disk: {place.name}" if place else missing


def _objectives() -> Iterator[Line]:
    for name, recipe in OBJECTIVES.items():
        weights = [f"{k}={v}" if isinstance(v, str) else f"{k}={v:g}"
                   for k, v in recipe.weights.items()]  # fmt: skip
        yield name, " ".join(weights) or "none", _beyond_autoencoder(recipe.nets)


def _beyond_autoencoder(roles: Sequence[str]) -> str:
    others = [role for role in roles if role not in ("encoder", "decoder")]
    return f"with {', '.join(others)}" if others else ""


def _functions(registry: dict[str, Callable[..., Any]]) -> Iterator[Line]:
    return ((name, _about(function)) for name, function in registry.items())


def _rows() -> Iterator[Line]:
    for experiment in EXPERIMENTS:
        for profile in PROFILES:
            declared = sum(len(setting.seeds) for setting in settings(experiment, profile))
            found = sweeps.rows(experiment, profile)["run_id"].nunique()
            yield experiment, profile, f"rows {found} of {declared}"


def _about(function: Callable[..., Any]) -> str:
    """The first line of its docstring, and of a partial that of the function behind it."""
    function = function.func if isinstance(function, partial) else function
    return (function.__doc__ or "").strip().partition("\n")[0]


def _aligned(lines: list[Line]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the listing, with or without `--help`."""
    print_anything()
    parser = argparse.ArgumentParser(
        prog="python -m disentangled",
        description="Disentangled representation learning. What there is:",
        epilog=listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    parser.print_help()


if __name__ == "__main__":
    main()
