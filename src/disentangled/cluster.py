"""A sweep on a cluster: one task a stack, on dask.distributed; rows travel back.

Workers need this package, its data and no shared folder: a stack trains below a folder that is
gone afterwards, and its files come back as bytes, which the driver writes. A stack whose worker
is lost runs again, from its beginning. Rows are those of a sweep without a cluster, as far as the
stacks are the same.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from disentangled import archives, checkpoints, loading, plans, store, workers
from disentangled import progress as lines
from disentangled.experiments import Setting, settings
from disentangled.hardware import Hardware, one_thread
from disentangled.models import row_path

if TYPE_CHECKING:
    from distributed import Client

POLL = 2.0  # seconds between looks at runs that another process has claimed

_ONE_AT_A_TIME = threading.Lock()
"""Building nets seeds torch's global generator: threads of a worker take turns."""


def connect(address: str) -> Client:
    """A client of the scheduler at an address, for instance `tcp://login:8786`.

    Raises:
        ValueError: dask.distributed is not installed, or nothing answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            "a scheduler needs dask.distributed, which is not installed; "
            'python -m pip install "disentangled[cluster]" brings it'
        ) from None
    try:
        return Client(address)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"expected a scheduler at {address}, for instance tcp://host:8786, got {error}; "
            "dask scheduler starts one"
        ) from None


def work(experiment: str, profile: str, client: Client) -> None:
    """Train runs until none is missing; waits for those that another process has claimed.

    A setting whose data a worker does not find is left out with a warning.

    Raises:
        RuntimeError: a stack failed, after all others have ended.
    """
    absent: set[str] = set()
    waited = 0.0
    workers.tidy(settings(experiment, profile))
    while left := loading.not_needing(absent, plans.missing(experiment, profile)):
        if _train(left, client, absent):
            waited = 0.0
        else:
            waited = workers.waits(left, waited, POLL)
            time.sleep(POLL)


def _train(left: Sequence[Setting], client: Client, absent: set[str]) -> bool:
    """Train the stacks that are free; False if others have claims on all."""
    from distributed import as_completed

    failed: list[tuple[str, BaseException]] = []
    with ExitStack() as claims:
        stacks = {}
        for setting in left:
            for seeds in plans.stacks(setting):
                paths = [row_path(setting.run, seed) for seed in seeds]
                if all(claims.enter_context(store.claimed(path)) for path in paths):
                    if checkpoints.publish(setting.run, seeds):
                        continue
                    stack = setting._replace(seeds=tuple(seeds))
                    stacks[client.submit(trained, stack, pure=False)] = stack
        bar = lines.bar("on the cluster", len(stacks), unit="stack")
        try:
            for future in as_completed(list(stacks)):
                stack = stacks[future]
                if (error := future.exception()) is not None:
                    failed.append((stack.run.title(), error))
                else:
                    files, lacking = future.result()
                    loading.warn_of(lacking, absent, stacklevel=4)
                    if not lacking:
                        _write(stack, files)
                future.release()
                bar.update()
        finally:
            client.cancel(list(stacks))  # after an interruption; those that ended are gone
            bar.close()
    if failed:
        title, error = failed[0]
        raise RuntimeError(
            f"{len(failed)} stacks failed on the cluster; the first, {title}: {error!r}"
        ) from error
    return bool(stacks)


def trained(stack: Setting) -> tuple[dict[str, bytes], dict[str, str]]:
    """Train a stack, on a worker: its files by name; or none, and by name why data are absent."""
    run, hardware = stack.run, Hardware()
    with (
        _ONE_AT_A_TIME,
        tempfile.TemporaryDirectory() as folder,
        store.elsewhere(Path(folder)),
        one_thread(hardware),
    ):
        if lacking := loading.absent(stack):
            return {}, lacking
        workers.train(stack, loading.loaded(run).to(hardware.device), hardware)
        home = store.folder(run.experiment, run.profile)
        paths = {path.relative_to(home).as_posix(): path for path in home.rglob("*.*")}
        return {n: p.read_bytes() for n, p in paths.items() if archives.order(n) is not None}, {}


def _write(stack: Setting, files: dict[str, bytes]) -> None:
    """Write what came back of a stack, rows last and together; its checkpoints from before go.

    Raises:
        RuntimeError: rows are not among it.
    """
    run = stack.run
    wanted = {run.id(seed) for seed in stack.seeds}
    own = {n for n in files if archives.order(n) is not None and Path(n).stem[:10] in wanted}
    if not {f"{run_id}.json" for run_id in wanted} <= own:
        raise RuntimeError(
            f"{run.title()} came back from the cluster without its rows; its workers need the "
            "version of this package that runs here"
        )
    rows = {seed: f"{run.id(seed)}.json" for seed in stack.seeds}
    for name in own - set(rows.values()):
        with store.written_aside(store.folder(run.experiment, run.profile) / name) as aside:
            aside.write_bytes(files[name])
    checkpoints.receive(run, {seed: files[name] for seed, name in rows.items()})
