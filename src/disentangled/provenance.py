"""What numbers come from beside their settings: the package's code, torch, the kind of device."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache
from pathlib import Path

import torch

from disentangled import store


@cache
def commit() -> str:
    """The checkout's commit, with a + where tracked files of the package differ; "" elsewhere."""
    git = ["git", "-C", str(store.checkout())]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True)
        state = subprocess.run([*git, "status", "--porcelain", "src"], capture_output=True)
    except FileNotFoundError:
        return ""
    return head.stdout.decode().strip() + ("+" if state.stdout.strip() else "")


@cache
def code() -> str:
    """A digest of the package's modules: the + of a commit does not say what differs."""
    package, total = Path(__file__).parent, hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        total.update(path.relative_to(package).as_posix().encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def here(device: torch.device) -> dict[str, str]:
    """Where a run trains: words that must be the same for it to go on as it would have."""
    return {
        "commit": commit(),
        "code": code(),
        "torch": torch.__version__,
        "device": device.type,
    }
