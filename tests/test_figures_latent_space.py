"""A latent space in a page: weights of 8 bits, and the browser's pixels beside torch's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tiny
import torch
from torch import nn

from disentangled import training
from disentangled.claims import Chapter
from disentangled.figures import latent_space, sliders
from disentangled.figures.latent_space import Model, explorer, layers, quantised, rounded
from disentangled.models import Kept
from disentangled.nets import NETS

SCRIPT = Path(__file__).parents[1] / "book" / "_static" / "latent_space.js"
DATA = tiny.images()


@pytest.fixture
def page():
    return Chapter("x", "laptop")


def model(start=0, n_axes=3, net="mlp_64", shape=(1, 4, 4), **labels):
    """An untrained decoder with weights so large that its pictures are not grey."""
    torch.manual_seed(start)
    decoder = NETS[net].decoder(shape, n_axes)
    with torch.no_grad():
        for tensor in decoder.parameters():
            tensor.mul_(3)
    mean = torch.randn(len(DATA), n_axes)
    return Model(labels or {"seed": start}, decoder, mean, torch.zeros_like(mean))


def test_a_row_of_weights_is_whole_steps_of_its_own():
    weight = torch.tensor([[127.0, -63.6, 0.4], [0.5, 0.25, -0.1], [0.0, 0.0, 0.0]])
    whole, step = quantised(weight, of=0)
    assert step.flatten().tolist() == pytest.approx([1.0, 0.5 / 127, 1.0])
    assert whole.tolist() == [[127, -64, 0], [127, 64, -25], [0, 0, 0]]


@pytest.mark.parametrize("net", ["mlp_64", "conv_shallow", "conv_small"])
def test_rounding_changes_a_weight_by_half_a_step_at_most(net):
    of = model(net=net, shape=(1, 32, 32)).decoder.requires_grad_(False)
    for layer, changed in zip(of.modules(), rounded(of).modules(), strict=True):
        if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
            along = int(isinstance(layer, nn.ConvTranspose2d))
            _, step = quantised(layer.weight, of=along)
            far = (layer.weight - changed.weight).abs() / step
            assert 0.1 < float(far.max()) <= 0.5 + 1e-4
            assert torch.equal(layer.bias, changed.bias)


def test_layers_of_a_decoder_in_order():
    found = [
        layer["kind"] for layer in layers(model(net="conv_shallow", shape=(3, 16, 16)).decoder)
    ]
    assert found == ["dense", "leaky", "dense", "leaky", "shape", *["up", "leaky"] * 2, "up"]
    with pytest.raises(ValueError, match="Unflatten in sequence, not BatchNorm1d"):
        layers(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([], "at least one model"),
        ([{"β": 1}, {"seed": 1}], r"all models need the labels \['β'\]"),
        ([{"β": 1, "seed": 0}, {"β": 4, "seed": 1}], "one for every combination"),
        ([{"β": 1}, {"β": 1}], "one for every combination"),
    ],
)
def test_models_are_a_grid_of_their_labels(page, labels, told):
    with pytest.raises(ValueError, match=told):
        explorer(page, "walk", [model(**of) for of in labels], DATA, alt="x")


def test_a_page_holds_so_much(page, monkeypatch):
    explorer(page, "first", [model()], DATA, alt="x")
    monkeypatch.setattr(sliders, "MAX_READ", 1.5 * page.sliders["first"][1])
    said = r"'second' brings chapter x to \d+ kB, and a page may hold"
    with pytest.raises(ValueError, match=said):
        explorer(page, "second", [model()], DATA, alt="x")


def test_frames_of_sliders_have_a_limit_of_their_own(page):
    page.sliders["frames"] = (20, sliders.MAX_READ)
    explorer(page, "walk", [model()], DATA, alt="x")


def test_the_caption_says_profile_source_and_models(page):
    models = [model(β=b, seed=s) for b in (1, 4) for s in ("0", "3")]
    told = explorer(page, "walk", models, DATA, alt="x").data.rpartition("<p")[2]
    assert "profile laptop" in told
    assert "tiny (made up)" in told
    assert "one model for each of: β 1, 4; seed 0, 3" in told


def test_names_end_no_script_and_no_attribute(page):
    text = explorer(page, 'a"b', [model(**{"</script>": "<b>"})], DATA, alt='"<').data
    assert text.count("</script>") == 1
    assert 'id="a&quot;b"' in text
    assert 'alt="&quot;&lt;"' in text
    written = re.search(r'<script type="application/json">(.*)</script>', text).group(1)
    assert json.loads(written)["models"][0]["labels"] == {"</script>": "<b>"}


def test_a_trained_model_and_a_committed_one_decode_as_they_did():
    run = tiny.run("vae")
    fitted = training.fit(run, [0, 1], DATA, hardware=tiny.CPU)
    z = torch.randn(2, 5, run.n_axes)
    logits, (mean, _) = fitted.decode(z), fitted.encode(DATA)
    of = latent_space.of_fitted(fitted, 1, DATA, objective="VAE")
    torch.testing.assert_close(of.decoder(z[1]).detach(), logits[1])
    torch.testing.assert_close(of.mean, mean[1])
    tensors = {k: v[1] for k, v in fitted.params["decoder"].items()}
    kept = latent_space.of_kept(run, Kept(tensors, of.mean, of.logvar, 1), DATA, seed=1)
    torch.testing.assert_close(kept.decoder(z[1]).detach(), logits[1])
    assert (of.labels, kept.labels) == ({"objective": "VAE"}, {"seed": 1})


@pytest.fixture
def shown(page, browser, tmp_path):
    """A page of explorers, opened in a browser."""
    opened = []

    def show(models, data=DATA, state=""):
        text = explorer(page, "walk", models, data, alt="rows of pictures").data
        file = tmp_path / "page.html"
        script = SCRIPT.read_text("utf-8")
        file.write_text(f"<!doctype html><meta charset=utf-8><script>{script}</script>{text}")
        tab = browser.new_page()
        opened.append(tab)
        errors = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(file.as_uri() + state)
        assert not errors
        return tab

    yield show
    for tab in opened:
        tab.close()


PIXELS = """() => {
  const canvas = document.querySelector(".latent-picture");
  return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
}"""


def painted(tab, channels=1):
    """The pixels of the page's picture, (C, H W), levels of 255."""
    tab.wait_for_timeout(60)  # drawn with the next frame
    return torch.tensor(tab.evaluate(PIXELS)).view(-1, 4)[:, :channels].T


def decoded(of, z):
    with torch.no_grad():
        return 255 * rounded(of.decoder)(torch.tensor([z]))[0].sigmoid().flatten(1)


def put(tab, name, value):
    tab.get_by_label(name, exact=True).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", value
    )


@pytest.mark.parametrize(
    ("net", "shape"),
    [("mlp_64", (1, 4, 4)), ("conv_shallow", (3, 16, 16)), ("conv_small", (1, 32, 32))],
)
def test_the_browser_decodes_as_torch_does(shown, net, shape):
    of = model(net=net, shape=shape)
    tab = shown([of])
    for z in ([0.0, 0.0, 0.0], [1.5, -0.7, 2.9], [-3.0, 3.0, 0.1]):
        for axis, value in enumerate(z):
            put(tab, f"axis {axis}", value)
        wanted = decoded(of, z)
        assert float(wanted.std()) > 3  # a picture, not one grey
        assert float((painted(tab, shape[0]) - wanted).abs().max()) <= 1


def test_labels_switch_models_and_the_address_keeps_the_state(shown):
    models = [model(10 * a + b, β=a, seed=b) for a in (1, 4, 6) for b in (0, 1)]
    tab = shown(models)
    put(tab, "β", 2)
    tab.get_by_label("seed", exact=True).select_option("1")
    put(tab, "axis 1", -2)
    z = [0.0, -2.0, 0.0]
    assert float((painted(tab) - decoded(models[5], z)).abs().max()) <= 1
    assert tab.get_by_label("β", exact=True).get_attribute("aria-valuetext") == "β is 6"
    spoken = tab.get_by_label("axis 1", exact=True).get_attribute("aria-valuetext")
    assert spoken.startswith("axis 1 at -2, ")
    state = "#" + tab.url.split("#")[1]
    again = shown(models, state=state)
    assert float((painted(again) - decoded(models[5], z)).abs().max()) <= 1


@pytest.mark.parametrize(
    "state",
    ["#walk?z=1,2", "#walk?z=a,b,c&%CE%B2=9&across=7&by=x", "#walk", "#%", "#elsewhere?z=1,1,1"],
)
def test_a_strange_address_is_the_beginning(shown, state):
    of = model()
    tab = shown([of], state=state)
    assert float((painted(tab) - decoded(of, [0.0, 0.0, 0.0])).abs().max()) <= 1


def test_a_point_of_the_scatter_is_the_code_of_the_picture(shown):
    of = model()
    nats = [float(v) for v in (of.mean**2).mean(0)]
    first, second = sorted(range(3), key=lambda axis: -nats[axis])[:2]
    tab = shown([of])
    box = tab.locator(".latent-scatter").bounding_box()
    edge = latent_space.REACH * 1.15
    x, y = ((2.0 + edge) / (2 * edge), (edge - 1.0) / (2 * edge))
    tab.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    tab.mouse.down()
    tab.mouse.up()
    z = [0.0, 0.0, 0.0]
    z[first], z[second] = 2.0, 1.0
    assert float((painted(tab) - decoded(of, z)).abs().max()) <= 1
    tab.get_by_role("button", name="All axes to 0").click()
    assert float((painted(tab) - decoded(of, [0.0] * 3)).abs().max()) <= 1


def test_keys_move_an_axis_and_without_a_script_a_traversal_stands_there(shown, browser):
    of = model()
    tab = shown([of])
    assert not tab.locator(".latent-static").is_visible()
    tab.get_by_label("axis 2", exact=True).focus()
    tab.keyboard.press("ArrowRight")
    assert float((painted(tab) - decoded(of, [0.0, 0.0, 0.1])).abs().max()) <= 1
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(tab.url.split("#")[0])
    assert plain.locator(".latent-static").is_visible()
    plain.context.close()
