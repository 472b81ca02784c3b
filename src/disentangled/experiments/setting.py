"""A setting of an experiment, and the names of the profiles."""

from __future__ import annotations

from typing import NamedTuple

from disentangled import data
from disentangled.arrays import several, whole
from disentangled.objectives import OBJECTIVES
from disentangled.runs import CHUNK, Run, known
from disentangled.scoring import PICTURES, SCORES

PROFILES: dict[str, str] = {
    "smoke": "minutes for the whole book; shows that it runs, not what is true",
    "laptop": "published here: two cores, no downloads",
    "gpu": "the papers' nets on stand-ins at full size, no downloads, one GPU",
    "paper": "the paper's sizes on the real data, one GPU or many",
}
"""The profiles from small to large, each in a line."""


def larger(profile: str) -> list[str]:
    """The profiles above this one, the next one first; none above `smoke`, which shows no truth.

    What they found stands beside the page's own, and leads where it is whole (see `evidence`).
    """
    known("profile", profile, PROFILES)
    names = list(PROFILES)
    return [] if profile == "smoke" else names[names.index(profile) + 1 :]


class Setting(NamedTuple):
    """A run and how it is judged.

    - seeds: one model each.
    - milestones: steps before the last at which models are scored as well.
    - scores: names in `scoring.SCORES`, taken at the milestones and at the end.
    - at_end: those taken at the end only.
    - pictures: names in `scoring.PICTURES`, taken at the end.
    - scored_on: the data set whose images the models are judged on, scores and pictures alike, of
      the same factors; empty where it is the one that they were trained on.
    - kept_by: the quantity whose median over seeds names the model that is committed, its decoder
      and its code of all images; none is where it is empty.
    - variant: what sets it apart from the experiment's grid, in a word or two; figures and tables
      of the grid leave it out (`tables.grid`). Empty for the grid.
    """

    run: Run
    seeds: tuple[int, ...]
    milestones: tuple[int, ...] = ()
    scores: tuple[str, ...] = ("elbo", "mig_exact")
    at_end: tuple[str, ...] = ("mig", "supervised", "gaussian_tc")
    pictures: tuple[str, ...] = ("reconstructions", "traversals")
    kept_by: str = ""
    scored_on: str = ""
    variant: str = ""

    def scores_at(self, step: int) -> tuple[str, ...]:
        """The scores that are taken at a step."""
        if step == self.run.all_steps():
            return tuple(dict.fromkeys([*self.scores, *self.at_end]))
        return self.scores if step in self.milestones else ()


def _milestones(setting: Setting) -> tuple[int, ...]:
    steps = tuple(whole(m, "a milestone", 1) for m in several(setting.milestones, "milestones"))
    last = setting.run.all_steps()
    if any(step % CHUNK or step > last for step in steps):
        raise ValueError(f"milestones must be multiples of {CHUNK} up to {last}, got {steps}")
    return steps


def checked(setting: Setting) -> Setting:
    """The setting, if what it names is there.

    Raises:
        ValueError: a data set, a score or pictures that there are not, or a size that a data set
            does not have; the message lists what there is. Or a seed that is given twice, or a
            model to commit, or a score of the likelihood of images, of an objective that has no
            net called decoder.
    """
    for dataset in filter(None, (setting.run.dataset, setting.scored_on)):
        data.check(dataset, setting.run.size)
    seeds = tuple(whole(seed, "a seed", 0) for seed in several(setting.seeds, "seeds"))
    setting = setting._replace(seeds=seeds, milestones=_milestones(setting))
    setting = setting._replace(
        scores=tuple(several(setting.scores, "scores")),
        at_end=tuple(several(setting.at_end, "at_end")),
        pictures=tuple(several(setting.pictures, "pictures")),
    )
    if len(set(setting.seeds)) < len(setting.seeds):
        raise ValueError(
            f"every seed is one model, got {setting.seeds} of {setting.run.title()}; give each "
            "seed once"
        )
    objective = setting.run.objective
    if setting.kept_by and "decoder" not in OBJECTIVES[objective].nets:
        raise ValueError(
            f"{objective} has no net called decoder, which is what is committed of a model; leave "
            f"out kept_by={setting.kept_by!r}, or call the net of its images decoder"
        )
    for name in (*setting.scores, *setting.at_end):
        known("score", name, SCORES)
        if SCORES[name].needs_decoder and "decoder" not in OBJECTIVES[objective].nets:
            raise ValueError(
                f"{objective} has no net called decoder, and gives images no likelihood, which "
                f"the score {name} reads; name scores without it, for instance "
                "scores=('mig_exact',)"
            )
    for name in setting.pictures:
        known("kind of pictures", name, PICTURES)
    return setting
