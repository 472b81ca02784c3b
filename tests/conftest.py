"""What every test begins with."""

import os

import matplotlib.pyplot as plt
import pytest
import tiny
import torch

from disentangled import store, sweeps


def pytest_configure(config):
    """Processes that test side by side share the cores; so do the kernels that they start."""
    if hasattr(config, "workerinput"):
        threads = max(1, (os.cpu_count() or 1) // config.workerinput["workercount"])
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
        torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _looks():
    """matplotlib as it comes: a test that sets the book's look does not set that of the next."""
    with plt.rc_context():
        plt.rcdefaults()
        yield
        plt.close("all")


@pytest.fixture
def one_thread():
    """Tests that train: several threads wait for each other in spinning loops."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny_home(tmp_path, monkeypatch):
    """The tiny experiment, and a folder of results of its own: where its rows will lie."""
    tiny.register(monkeypatch.setitem)
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    return tmp_path / "tiny" / "smoke"


@pytest.fixture(scope="session")
def quiet_home(tmp_path_factory):
    """The files of a tiny sweep that nothing disturbed."""
    folder = tmp_path_factory.mktemp("quiet")
    with pytest.MonkeyPatch.context() as patch:
        tiny.register(patch.setitem)
        patch.setenv(store.ROOT, str(folder))
        sweeps.work("tiny", "smoke", tiny.CPU)
    return folder / "tiny" / "smoke"


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium with an empty profile."""
    import pdf  # with what it needs of the book's tools, which few tests do
    from playwright.sync_api import sync_playwright

    try:
        found = pdf.browser()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=pdf.FLAGS)
        yield browser
        browser.close()
