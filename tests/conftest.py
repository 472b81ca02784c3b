"""What every test begins with."""

import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def _looks():
    """matplotlib as it comes: a test that sets the book's look does not set that of the next."""
    with plt.rc_context():
        plt.rcdefaults()
        yield
        plt.close("all")
