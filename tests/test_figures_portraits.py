"""Pictures of single models: bars as long as the nats, axes in the order of what they move."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from disentangled import store
from disentangled.figures import portraits


@pytest.fixture
def line(tmp_path, monkeypatch):
    """A run in the table of runs, with its pictures on disk."""
    monkeypatch.setenv(store.ROOT, str(tmp_path))
    moving = np.zeros((3, 5, 1, 4, 4), np.uint8)
    moving[1] += np.arange(5, dtype=np.uint8)[:, None, None, None] * 40
    moving[2] += np.arange(5, dtype=np.uint8)[:, None, None, None] * 10
    black, white = np.zeros((6, 1, 4, 4), np.uint8), np.full((6, 1, 4, 4), 255, np.uint8)
    pictures = {"originals": black, "reconstructions": white, "traversals": moving}
    store.write_pictures(tmp_path / "toy" / "smoke" / "pictures" / "abc.npz", pictures)
    named = {"run_id": "abc", "dataset": "toy", "source": "twin", "seed": 3}
    nats = {"distortion": 50.0, "mutual_info": 2.0, "total_corr": -0.1, "axis_kl": 1.0, "kl": 2.9}
    yield pd.Series(named | nats)
    plt.close("all")


def test_a_model_is_shown_with_its_parts_its_images_and_its_axes(line):
    figure = portraits.model(line, "toy", "title", profile="smoke", longest=4.0)
    bar, images, axes = figure.axes
    ends = [patch.get_x() + patch.get_width() for patch in bar.patches]
    assert ends == [2.0, 2.0, 3.0]  # a part that came out below 0 has no length
    assert bar.get_title(loc="left") == "distortion 50.0, KL 2.9 nats in parts"
    shown = images.images[0].get_array()
    assert (shown[2, 2] == 0).all()
    assert (shown[8, 2] == 255).all()
    assert [t.get_text() for t in axes.get_yticklabels()] == ["axis 1", "axis 2", "axis 0"]
    assert figure.get_supxlabel() == "profile smoke · toy (twin), seed 3"


def test_bars_of_several_models_share_their_scale(line):
    longer = pd.Series(line.to_dict() | {"axis_kl": 4.0, "kl": 5.9})
    runs = {"one": line, "other": longer}
    figure = portraits.loss_parts(runs, "toy", "title", profile="smoke", longest=8.0)
    first, _, second, _ = figure.axes
    assert first.get_xlim() == second.get_xlim() == (0, 8)
    titles = [axes.get_title(loc="left") for axes in (first, second)]
    assert [title.partition(":")[0] for title in titles] == ["one", "other"]
    assert figure.get_supxlabel() == "profile smoke · toy (twin), seed 3"


def test_models_side_by_side_in_colour_within_reach(line, tmp_path):
    """Nine places from -2 to 2, of which five lie within 1; an axis a row, red for axis 1."""
    moving = np.zeros((3, 9, 3, 4, 4), np.uint8)
    moving[1, :, 0] = 200
    moving[1, 0] = 255  # at -2: not shown
    some = np.zeros((6, 3, 4, 4), np.uint8)
    pictures = {"originals": some, "reconstructions": some, "traversals": moving}
    path = tmp_path / "toy" / "smoke" / "pictures" / "abc.npz"
    store.write_pictures(path, pictures)
    figure = portraits.side_by_side({"one": line, "two": line}, "toy", profile="smoke", reach=1.0)
    _, _, first, second = figure.axes
    shown = np.asarray(first.images[0].get_array())
    assert shown.shape == (3 * 6, 5 * 6, 3)
    assert shown[9, 3].tolist() == [200, 0, 0]
    assert (shown[7:11, 1:5] == [200, 0, 0]).all()
    assert [t.get_text() for t in second.get_yticklabels()] == ["axis 0", "axis 1", "axis 2"]


def test_lost_pictures_say_how_to_get_them_back(line):
    path = store.folder("toy", "smoke") / "pictures" / "abc.npz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(store.DamagedFile, match=r"abc\.npz .* next sweep will redo both"):
        portraits.model(line, "toy", "title", profile="smoke", longest=4.0)
