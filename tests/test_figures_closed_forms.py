"""Sliders on closed forms: the page's numbers beside the package's, and what a reader gets."""

from __future__ import annotations

import ast
import html
import itertools
import json
import math
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pairs
import pytest
import torch
from origin import code_cells

from disentangled import gaussian, interventions, metrics
from disentangled.claims import Chapter
from disentangled.figures import (
    closed_forms,
    correlated_noise_forms,
    estimating_q,
    kl_in_three_parts,
    mean_and_sample,
    mutual_information_gap,
    necessary_or_sufficient,
    sliders,
    style,
)
from disentangled.figures import interventions as interventions_figures
from disentangled.figures.closed_forms import Axis, Panel, draws, plane

BOOK = Path(__file__).parents[1] / "book"
CHAPTERS, STATIC = BOOK / "chapters", BOOK / "_static"
SCRIPTS = "".join(
    f"<script>{(STATIC / name).read_text('utf-8')}</script>"
    for name in ("closed_forms.js", "forms_gaussian.js", "forms_discrete.js")
)
LOOK = f"<style>{(STATIC / 'pages.css').read_text('utf-8')}</style>"
EXACT = {"rel": 1e-9, "abs": 1e-12}


@pytest.fixture(scope="module")
def tab(browser):
    """A tab of a browser with the scripts of the pages and nothing else."""
    tab = browser.new_page()
    tab.set_content(f"<!doctype html>{SCRIPTS}")
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def computed(tab):
    """What the page computes of a form at each of some values."""

    def compute(form, values):
        asked = [form.formula, json.loads(json.dumps(form.parameters)), values]
        of = "([name, given, values]) => values.map((v) => closedForms.formulas[name](given, v))"
        found = tab.evaluate(of, asked)
        assert all(len(one["panels"]) == len(form.panels) for one in found)
        return found

    return compute


def chapter(name, *wanted):
    """These functions and classes of a chapter, with its imports; nothing else of it runs."""
    notebook = pairs.read_source(CHAPTERS / f"{name}.md")
    lines = [line for cell in code_cells(notebook) for line in ast.parse(cell.source).body]
    imports = [line for line in lines if isinstance(line, ast.Import | ast.ImportFrom)]
    defined = [line for line in lines if getattr(line, "name", None) in wanted]
    names = {}
    exec(compile(ast.Module(imports + defined, []), f"<{name}>", "exec"), names)
    return names


def marks(made, panel, kind):
    return [mark for mark in made["panels"][panel]["marks"] if mark["kind"] == kind]


def near(value):
    return pytest.approx(value, **EXACT)


def test_isotropic_noise_by_covariances(computed):
    form = correlated_noise_forms.by_sigma(variance=0.7, noise=0.4)
    sigmas = [0.0, 0.3, 0.9, 0.95]
    for sigma, made in zip(sigmas, computed(form, sigmas), strict=True):
        noise = 0.4 * gaussian.equicorrelated(10, sigma)
        code = 0.7 * gaussian.equicorrelated(10, 0.0) + noise
        together = (gaussian.log_det(code) - gaussian.log_det(noise)) / 2
        wanted = [
            together,
            5 * math.log(1.1 / 0.4),
            gaussian.total_correlation(noise),
            gaussian.total_correlation(code),
        ]
        assert [dot["y"][0] for dot in marks(made, 2, "points")] == near(wanted)
        assert f"σ = {sigma:.2f}: the whole code knows {together:.2f} nats" in made["words"]
        for line, value in zip(marks(made, 2, "line"), wanted, strict=True):
            at = min(range(191), key=lambda k, x=line["x"]: abs(x[k] - sigma))
            assert line["y"][at] == near(value)
        (cloud,) = marks(made, 0, "points")
        first, second = form.parameters["draws"][7]
        mixed = sigma * first + math.sqrt(1 - sigma**2) * second
        assert (cloud["x"][7], cloud["y"][7]) == (near(first), near(mixed))
        shades = {(bar["x"], bar["y"]): bar["opacity"] for bar in marks(made, 1, "bar")}
        assert len(shades) == 100
        assert (shades[0, 9], shades[1, 9]) == (1, sigma)  # the first row is on top


def test_linear_codes_as_the_chapter_has_them(computed):
    needed = ("eigenvalues", "constant", "noise_levels", "Linear", "optimum", "readings")
    of = chapter("correlated_noise", *needed, "Terms", "terms")
    variances, sigmas = (16.0, 4.0), (0.0, 0.9)
    form = correlated_noise_forms.by_beta(variances, sigmas)
    betas = [1.0, 2.37, 5.0, 17.0, 60.0, 200.0]  # with both components, one and none, at either σ
    for beta, made in zip(betas, computed(form, betas), strict=True):
        for row, sigma in enumerate(sigmas):
            code = of["optimum"](variances, beta, sigma)
            noise = gaussian.equicorrelated(2, sigma)
            wanted = of["terms"](code.means @ code.means.T, code.sd, noise)
            curves = marks(made, 3 * row + 2, "points")
            assert [dot["y"][0] for dot in curves] == near(list(wanted))
            told = of["readings"](code.means, code.sd)
            cells = {(bar["x"], bar["y"]): bar["text"] for bar in marks(made, 3 * row + 1, "bar")}
            assert cells[1, 1] == f"{told[0, 1]:.2f}"  # axis 1, component 2
            assert cells[0, 0] == f"{told[1, 0]:.2f}"
            assert f"at σ = {sigma:g} axis 1 tells {told[0, 0]:.2f} nats" in made["words"]
            first, second = marks(made, 3 * row, "line")[:2]  # along component 1, and along 2
            ends = torch.tensor([[-1.5, -1.5], [1.5, -1.5]], dtype=torch.float64) @ code.means.T
            assert first["x"] + first["y"] == near(ends.T.flatten().tolist())
            assert second["x"][0] == near(float(ends[0, 0]))
            (grey,) = marks(made, 3 * row, "area")
            spread = torch.outer(code.sd, code.sd) * noise
            points = torch.tensor([grey["x"], grey["y"]], dtype=torch.float64)
            away = (points * torch.linalg.solve(spread, points)).sum(0)
            assert away.tolist() == near([1.0] * 49)


def test_noise_on_normal_means(computed):
    covariance = torch.tensor([[1.3, 0.9], [0.9, 0.8]], dtype=torch.float64)
    sd = torch.tensor([1.0, 0.6], dtype=torch.float64)
    form = mean_and_sample.by_scale(covariance=covariance, sd=sd)
    scales = [0.05, 0.7, 10.0]
    for scale, made in zip(scales, computed(form, scales), strict=True):
        noisy = mean_and_sample.sampled(covariance, scale * sd)
        samples, told = marks(made, 2, "points")
        assert samples["y"] == near([gaussian.total_correlation(noisy)])
        assert told["y"] == near([mean_and_sample.told(covariance, scale * sd)])
        assert marks(made, 2, "line")[0]["y"][0] == near(gaussian.total_correlation(covariance))
        (cloud,) = marks(made, 1, "points")
        mean, noise = form.parameters["means"][5], form.parameters["noise"][5]
        assert cloud["x"][5] == near(mean[0] + scale * noise[0])
        assert cloud["y"][5] == near(mean[1] + scale * 0.6 * noise[1])
    assert "that of the samples 0.00011 nats" in computed(form, [10.0])[0]["words"]


def test_a_mixture_of_copies_and_parity(computed):
    bits = list(itertools.product((0, 1), repeat=3))
    copies, parity = np.zeros((2, 2, 2, 2)), np.zeros((2, 2, 2, 2))
    copies[0, 0, 0, 0] = copies[1, 1, 1, 1] = 3
    for a, b, c in bits:
        parity[a ^ b ^ c, a, b, c] = 1
    of = chapter("necessary_or_sufficient", "of_mixture")
    of["mixture"] = lambda w: (1 - w) * copies / 6 + w * parity / 8
    form = necessary_or_sufficient.by_weight(copies, parity)
    weights = [0.0, 0.35, 0.8, 1.0]
    for weight, made in zip(weights, computed(form, weights), strict=True):
        widths = [bar["width"] for bar in marks(made, 0, "bar")]
        for row, axes in enumerate(((1, 2, 3), (1, 2))):
            together, each, given, plain = of["of_mixture"](weight, axes)
            assert widths[4 * row : 4 * row + 4] == near([together, plain, each, given])
            assert marks(made, 1, "points")[row]["y"] == near([together - each])
    at_one = computed(form, [1.0])[0]["words"]
    assert at_one == (
        "w = 1.00: together, three axes know 0.69 nats more than one by one; two axes know 0.00"
        " nats more than one by one"
    )


def test_two_factors_before_and_after_an_intervention(computed):
    form = interventions_figures.by_correlation()
    rhos = [-0.9, 0.0, 0.45, 0.9]
    for rho, made in zip(rhos, computed(form, rhos), strict=True):
        before = interventions_figures.two_factors(rho)
        after, weights = interventions.intervene(before), interventions.weights(before)
        shades = [[bar["opacity"] for bar in marks(made, panel, "bar")] for panel in range(3)]
        for law, shade in ((before, shades[0]), (after, shades[1])):
            assert shade == near((law / (1.1 * law.max())).flatten().tolist())
        wanted = (weights.log10().abs() / 3).clamp(max=1).flatten().tolist()
        assert shades[2] == pytest.approx(wanted, rel=1e-9, abs=1e-10)
        colours = [bar["colour"] for bar in marks(made, 2, "bar") if bar["opacity"] > 1e-9]
        below = [float(w) < 1 for w in weights.flatten() if abs(float(w) - 1) > 1e-6]
        assert [colour == "orange" for colour in colours] == below
        told = interventions_figures.undone_in_words(rho)  # "... up to 12.3"
        assert made["words"].endswith(told.split(", ")[1].replace("weights", "weights go"))
        assert f"correlation {told.split(': ')[0].split()[-1]}" in made["panels"][0]["title"]


def test_what_the_optimal_linear_code_keeps(computed):
    variances = torch.tensor([16.0, 4.0], dtype=torch.float64)
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]], dtype=torch.float64)
    form = kl_in_three_parts.by_beta(variances=variances, turn=turn)
    betas = [1.0, 2.5, 10.0, 20.0]
    for beta, made in zip(betas, computed(form, betas), strict=True):
        assert made["words"] == kl_in_three_parts.linear_optimum_in_words(
            beta, variances=variances
        )
        nats = float((0.5 * torch.log((variances / beta).clamp(min=1))).sum())
        assert marks(made, 1, "points")[0]["y"] == near([nats])
        share = (beta / variances).clamp(max=1)
        images = torch.tensor(form.parameters["images"], dtype=torch.float64)
        means = images[:24] @ turn @ torch.diag(1 - share) @ turn.T
        decoded = marks(made, 0, "points")[1]
        assert decoded["x"] + decoded["y"] == near(means.T.flatten().tolist())
        spread = turn @ torch.diag(variances * share * (1 - share)) @ turn.T
        one = marks(made, 0, "area")[3]
        points = torch.tensor([one["x"], one["y"]], dtype=torch.float64) - means[3][:, None]
        widest = torch.linalg.eigvalsh(spread)[-1]
        assert float(points.square().sum(0).max()) == pytest.approx(float(widest), rel=1e-3)


def entropy_of_mixture(means, sd):
    """In nats, by plain sums a fifteenth of sd apart."""
    z = np.arange(-6, 6, sd / 15)
    p = np.exp(-0.5 * ((z[:, None] - means) / sd) ** 2).mean(1) / (sd * math.sqrt(2 * math.pi))
    return -(p * np.log(np.maximum(p, 1e-300))).sum() * sd / 15


def test_a_turned_code_by_plain_sums_and_by_the_metric(computed):
    levels = torch.linspace(-1.5, 1.5, 8, dtype=torch.float64)
    form = mutual_information_gap.by_angle(levels, 0.15)
    first, second = levels.repeat_interleave(8), levels.repeat(8)
    factors = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    angles = [0, 20, 45, 90]
    for angle, made in zip(angles, computed(form, angles), strict=True):
        turn = math.radians(angle)
        axes = [
            math.cos(turn) * first - math.sin(turn) * second,
            math.sin(turn) * first + math.cos(turn) * second,
        ]
        told = np.zeros((2, 3))
        for j, axis in enumerate(axes):
            grid = axis.reshape(8, 8).numpy()
            whole = entropy_of_mixture(grid.flatten(), 0.15)
            for k, rows in enumerate((grid, grid.T)):
                told[k, j] = whole - np.mean([entropy_of_mixture(row, 0.15) for row in rows])
        ranked = np.sort(told.clip(0), 1)
        gap = (ranked[:, 2] - ranked[:, 1]).mean() / math.log(8)
        assert marks(made, 2, "points")[0]["y"] == pytest.approx([gap], rel=1e-9, abs=1e-9)
        (curve,) = marks(made, 2, "line")
        assert curve["y"][angle // 5] == near(marks(made, 2, "points")[0]["y"][0])
        cells = {(bar["x"], bar["y"]): bar["text"] for bar in marks(made, 1, "bar")}
        assert cells[0, 0] == f"{abs(told[1, 0]):.2f}"  # axis 1, second factor
        code = torch.stack([*axes, 0 * axes[0]], 1)
        score = metrics.mig_exact(code, torch.full((64, 3), 2 * math.log(0.15)), factors)
        assert gap == pytest.approx(score.value, abs=1e-4)


def true_total_corr(n_axes, rho, sigma):
    means = gaussian.equicorrelated(n_axes, rho)
    return gaussian.total_correlation(means + sigma**2 * gaussian.equicorrelated(n_axes, 0.0))


def test_posteriors_of_a_width_and_the_truth(computed):
    of = chapter("estimating_q", "draw_code")
    of["batch"] = 70
    sigmas = [0.05, 0.3, 2.0]
    estimates = {(d, s): [0.1 * d, 1.0, 2.0] for d in (2, 10) for s in ("naive", "mss")}
    truth = {d: [true_total_corr(d, 0.5, s) for s in sigmas] for d in (2, 10)}
    by_width = estimating_q.ByWidth(sigmas, estimates, truth, 0.5)
    form = estimating_q.by_posterior_width(of["draw_code"](2, 0.5, 0.3, 0), by_width, 0.3)
    for n, made in enumerate(computed(form, sigmas)):
        for panel, d in ((1, 2), (2, 10)):
            assert marks(made, panel, "points")[-1]["y"] == near([truth[d][n]])
            assert marks(made, panel, "line")[0]["y"][0] == near(truth[d][0])
            assert marks(made, panel, "line")[1]["y"] == estimates[d, "naive"]
        assert f"reads {estimates[10, 'naive'][n]:.1f} nats" in made["words"]
        assert f"the truth is {truth[10][n]:.1f}" in made["words"]
        code = of["draw_code"](2, 0.5, sigmas[n], 0)
        (z,) = marks(made, 0, "points")
        assert [z["x"][0], z["y"][0]] == pytest.approx(code.z[0].tolist(), abs=3e-4)
        disc = marks(made, 0, "area")[9]
        centre = code.mean[9].tolist()
        away = np.hypot(np.array(disc["x"]) - centre[0], np.array(disc["y"]) - centre[1])
        assert away == pytest.approx(np.full(49, sigmas[n]), abs=1e-4)


@pytest.fixture
def page():
    return Chapter("x", "laptop")


def dot(value):
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot(value, 0, "o")
    return figure


SIGMAS = [0.0, 0.3, 0.6, 0.9]
FORM = correlated_noise_forms.by_sigma(variance=0.5, noise=0.5)


def made_slider(page, name="walk", values=SIGMAS, **settings):
    told = {"label": "σ, correlation", "alt": lambda value: f'dot at {value} < "9"'} | settings
    return closed_forms.slider(page, name, values, dot, FORM, **told).data


def test_the_figure_of_the_start_and_the_numbers_are_in_the_page(page):
    text = made_slider(page, start=2)
    assert html.unescape(re.search('<img alt="([^"]*)"', text)[1]) == 'dot at 0.6 < "9"'
    assert 'src="data:image/svg+xml;base64,' in text
    written = json.loads(re.search(r'<script type="application/json">(.*)</script>', text)[1])
    assert written["values"] == SIGMAS
    assert written["start"] == 2
    assert written["panels"][2]["x"]["label"] == "σ"
    assert page.sliders["walk"][0] == 0


def test_labels_end_no_script_and_names_no_attribute(page):
    text = made_slider(page, 'a"b', label="</script>")
    assert text.count("</script>") == 1
    assert 'id="a&quot;b"' in text


def test_a_choice_of_two_is_no_slider(page):
    with pytest.raises(ValueError, match="at least three values, got 2: a choice of two"):
        made_slider(page, values=[0.0, 0.9])
    with pytest.raises(ValueError, match="start must be from 0 to 3, got 4"):
        made_slider(page, start=4)


def test_a_page_holds_so_much(page, monkeypatch):
    made_slider(page)
    monkeypatch.setattr(sliders, "MAX_READ", 1.5 * page.sliders["walk"][1])
    page.sliders["frames"] = (20, 10**6)  # these have a limit of their own
    with pytest.raises(ValueError, match=r"'second' brings chapter x to \d+ kB, and a page may"):
        made_slider(page, "second")


def test_draws_travel_with_four_decimals():
    assert draws([[0.123456, -2.0]]) == [[0.1235, -2.0]]


def test_a_plane_has_one_reach_and_no_ticks():
    panel = plane(3.0, "a", "b", width=150)
    assert panel == Panel(Axis(-3.0, 3.0, "a"), Axis(-3.0, 3.0, "b"), width=150)
    assert panel.height is None
    assert not plane(3.0).x.line


@pytest.fixture
def shown(page, browser, tmp_path):
    """A page with a slider, opened in a browser; without a script if so asked."""
    opened = []

    def show(state="", *, scripts=True, theme="light", width=390):
        context = browser.new_context(
            java_script_enabled=scripts, viewport={"width": width, "height": 800}
        )
        opened.append(context)
        text = f"{LOOK}<body>{SCRIPTS}<article class=bd-article>{made_slider(page)}</article>"
        file = tmp_path / "page.html"
        start = f"<!doctype html><html data-theme={theme}><meta charset=utf-8>"
        file.write_text(start + text, "utf-8")
        tab, errors = context.new_page(), []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(file.as_uri() + state)
        assert not errors
        return tab

    yield show
    for context in opened:
        context.close()


def spoken(tab):
    return tab.get_by_label("σ, correlation").get_attribute("aria-valuetext")


def test_keys_move_the_slider_and_say_value_and_meaning(shown):
    tab = shown()
    assert spoken(tab).startswith("σ = 0.00: the whole code knows 3.47 nats")
    tab.get_by_label("σ, correlation").press("ArrowRight")
    tab.wait_for_function("document.querySelector('output').value === '0.30'")
    told = spoken(tab)
    assert told.startswith("σ = 0.30: the whole code knows 4.11 nats")
    assert tab.locator(".closed-said").inner_text() == told
    assert tab.locator(".closed-panels").get_attribute("aria-label") == told
    assert tab.get_by_text("ε₁, ε₂ at σ = 0.30").count() == 1
    tab.get_by_label("σ, correlation").press("End")
    tab.wait_for_function("document.querySelector('output').value === '0.90'")
    assert tab.url.endswith("#walk?value=0.9")


@pytest.mark.parametrize(
    ("state", "value"),
    [
        ("#walk?value=0.6", "0.60"),
        ("#walk?value=0.7", "0.60"),  # the nearest
        ("#walk?value=1e9", "0.90"),
        ("#walk?value=x", "0.00"),
        ("#walk", "0.00"),
        ("#%", "0.00"),
        ("#elsewhere?value=0.9", "0.00"),
    ],
)
def test_the_address_keeps_the_value(shown, state, value):
    tab = shown(state)
    assert tab.locator("output").evaluate("(e) => e.value") == value
    assert spoken(tab).startswith(f"σ = {value}: ")


def test_without_a_script_and_on_paper_a_figure_stands_there(shown):
    plain = shown(scripts=False)
    assert plain.locator(".closed-static img").is_visible()
    assert plain.locator("input").count() == 0
    tab = shown()
    assert not tab.locator(".closed-static img").is_visible()
    assert tab.locator(".closed-panels").is_visible()
    tab.emulate_media(media="print")
    assert tab.locator(".closed-static img").is_visible()
    assert not tab.locator(".closed-panels").is_visible()


TEXTS = """() => [...document.querySelectorAll(".closed-panels text")].map((text) =>
    12 * text.ownerSVGElement.getScreenCTM().a)"""


@pytest.mark.parametrize("width", [390, 1280])
def test_text_has_ten_pixels_and_nothing_scrolls_sideways(shown, width):
    tab = shown(width=width)
    assert min(tab.evaluate(TEXTS)) >= 10
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    inside = """() => [...document.querySelectorAll(".closed-panels > svg")].flatMap((svg) =>
        [...svg.querySelectorAll("text")].filter((text) => {
            const [box, all] = [text.getBoundingClientRect(), svg.getBoundingClientRect()];
            return box.left < all.left - 1 || box.right > all.right + 1;
        }).map((text) => text.textContent))"""
    assert tab.evaluate(inside) == []


def test_a_curve_goes_through_its_places(shown):
    """The curve of I(z; x) starts where the axes are independent: 10 log(2) / 2 nats."""
    tab = shown()
    spec = FORM.panels[2]
    path = tab.locator(".closed-panels > svg:nth-child(3) svg path").nth(1).get_attribute("d")
    start = re.match(r"M([\d.]+) ([\d.]+)L", path)
    share = (5 * math.log(2) - spec.y.low) / (spec.y.high - spec.y.low)
    assert float(start[1]) == 0
    assert float(start[2]) == pytest.approx(spec.height * (1 - share), abs=0.06)


def turned_round(colour):
    """What `invert(0.92) hue-rotate(180deg)` makes of a colour, by the filters' definitions."""
    levels = [0.92 - 0.84 * int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    grey = 2 * (0.213 * levels[0] + 0.715 * levels[1] + 0.072 * levels[2])
    return [round(255 * min(1, max(0, grey - level))) for level in levels]


def test_colours_are_those_of_the_figures_and_turn_with_the_page(shown):
    css = (STATIC / "pages.css").read_text("utf-8")
    light, dark = re.findall(r"\.closed-form \{(.*?)\}", css, flags=re.DOTALL)[:2]
    found = dict(re.findall(r"--closed-(\w+): (#\w{6});", light))
    assert {name: value.upper() for name, value in found.items()} == style.COLOURS
    for name, value in re.findall(r"--closed-(\w+): (#\w{6});", dark):
        levels = [int(value[k : k + 2], 16) for k in (1, 3, 5)]
        assert levels == pytest.approx(turned_round(style.COLOURS[name]), abs=1), name
    for theme, wanted in (("light", "rgb(0, 114, 178)"), ("dark", "rgb(76, 172, 226)")):
        tab = shown(theme=theme)
        stroke = tab.locator(".closed-panels > svg:nth-child(1) svg path").first
        assert stroke.evaluate("(e) => getComputedStyle(e).stroke") == wanted
