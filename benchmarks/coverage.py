"""How often 95 % intervals hold the truth: `python -m benchmarks.coverage [--ours RUN ... --theirs RUN ...]`.

The runs are those of two ways of training, in pairs of equal seed, on the same test images; the more images, the
better. All images of all seeds count as the truth. Then a few are drawn again and again, with as many intervals of
each kind, for both the score of ours and its difference from theirs. Without runs the data are made up.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import expit, logit, ndtr, ndtri, stdtrit

from common.intervals import Interval
from common.metrics import confusion_scores
from transfer.metrics.jackknife import Spread, difference_interval, score_interval, spread_of, spreads
from transfer.scoring import IMAGES_FILE, read_images

IMAGES, SEEDS, DRAWS, RESAMPLES = (4, 8, 10, 20, 50, 100), (3, 5), 1000, 200
MEANS = ("mean_iou", "mean_foreground_dice", "pixel_accuracy")
PIXELS = 4096
NOTHING = np.zeros(0)

Counts = Int64[np.ndarray, "s n k k"]


class Population(Protocol):
    """Images and trainings to draw from."""

    def draw(self, random: np.random.Generator, images: int, seeds: int) -> tuple[Counts, Counts]:
        """Confusion matrices of two ways of training on the same images."""
        ...

    def truth(self, seeds: int) -> list[dict[str, Float64[np.ndarray, "..."]]]:
        """The scores of both ways, of one training or in mean over many."""
        ...


class Recorded:
    """Networks that were trained, on the images that they were tested on."""

    def __init__(self, ours: Sequence[Path], theirs: Sequence[Path]) -> None:
        self.ways = [np.stack([read_images(run / IMAGES_FILE).counts for run in way]) for way in (ours, theirs)]

    def draw(self, random: np.random.Generator, images: int, seeds: int) -> tuple[Counts, Counts]:
        """With replacement; of one seed always the first."""
        own, all_images = self.ways[0].shape[:2]
        seed = random.integers(0, own, seeds) if seeds > 1 else np.zeros(1, dtype=np.int64)
        image = random.integers(0, all_images, images)
        ours, theirs = (way[seed][:, image] for way in self.ways)
        return ours, theirs

    def truth(self, seeds: int) -> list[dict[str, Float64[np.ndarray, "..."]]]:
        """In mean over all seeds, or of the first alone."""
        ways = self.ways if seeds > 1 else [way[:1] for way in self.ways]
        return [{name: each.mean(0) for name, each in confusion_scores(way.sum(1)).items()} for way in ways]


class MadeUp:
    """Images of one foreground class, some harder than others for all networks, some for one way or one seed."""

    def __init__(self, *, gain: float = 0.3, hardness: float = 0.6, own: float = 0.3, seed: float = 0.15) -> None:
        self.gain, self.hardness, self.own, self.seed = gain, hardness, own, seed

    def draw(self, random: np.random.Generator, images: int, seeds: int) -> tuple[Counts, Counts]:
        """Sizes are log-normal; the share that is found is normal on the logit scale."""
        size = np.round(PIXELS * np.clip(random.lognormal(-1.5, 0.5, images), 0.02, 0.7))
        hard = random.normal(0, self.hardness, images)
        found = []
        for way in range(2):
            shift = 2 - self.gain * way + hard + random.normal(0, self.own, images)
            seed_shift = random.normal(0, self.seed, (seeds, 1)) if seeds > 1 else np.zeros((1, 1))
            share = expit(shift + seed_shift + random.normal(0, 0.15, (seeds, images)))
            hits, extra = np.round(size * share), np.round(np.minimum(0.8 * size * (1 - share), PIXELS - size))
            rows = [[PIXELS - size - extra, extra], [size - hits, hits]]
            found.append(np.moveaxis(np.array(rows), (0, 1), (-2, -1)).astype(np.int64))
        return found[0], found[1]

    def truth(self, seeds: int) -> list[dict[str, Float64[np.ndarray, "..."]]]:
        """The mean of many seeds, each on images of its own."""
        random = np.random.default_rng(2**20)
        drawn = [self.draw(random, 4000, seeds) for _ in range(200)]
        totals = [np.stack([pair[way][0].sum(0) for pair in drawn]) for way in range(2)]
        return [{name: each.mean(0) for name, each in confusion_scores(total).items()} for total in totals]


class Sample(NamedTuple):
    """A score, or a difference of two, on drawn images, and on images drawn again from those."""

    spread: Spread
    again: Float64[np.ndarray, " d"]
    errors: Float64[np.ndarray, " d"]
    """The jackknife's standard error of each."""
    is_score: bool


def _percentiles(sample: Sample, shares: tuple[float, float] = (0.025, 0.975)) -> Interval:
    known = sample.again[~np.isnan(sample.again)]
    return Interval(sample.spread.value, *(np.quantile(known, shares) if len(known) else (np.nan, np.nan)))


def _bca(sample: Sample) -> Interval:
    """Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 14.3."""
    gaps = np.nan_to_num(sample.spread.left_out.mean() - sample.spread.left_out[0])
    below = np.mean(sample.again < sample.spread.value) + np.mean(sample.again == sample.spread.value) / 2
    bias, skew = ndtri(np.clip(below, 0.01, 0.99)), (gaps**3).sum() / max(6 * (gaps**2).sum() ** 1.5, 1e-300)
    low, high = (ndtr(bias + (bias + z) / (1 - skew * (bias + z))) for z in (-1.96, 1.96))
    return _percentiles(sample, (low, high))


def _error(sample: Sample) -> float:
    left_out = sample.spread.left_out[0]
    return float(left_out.std() * (len(left_out) - 1) ** 0.5)


def _bootstrap_t(sample: Sample) -> Interval:
    """As above, section 12.5."""
    value, usable = sample.spread.value, sample.errors > 0
    ratios = (sample.again[usable] - value) / sample.errors[usable]
    low, high = np.quantile(ratios, (0.975, 0.025)) if usable.any() else (np.nan, np.nan)
    return Interval(value, value - low * _error(sample), value - high * _error(sample))


def _student(sample: Sample) -> Interval:
    value, reach = sample.spread.value, _error(sample) * stdtrit(sample.spread.left_out.shape[1] - 1, 0.975)
    if not sample.is_score or not 0 < value < 1:
        return Interval(value, value - reach, value + reach)
    ends = (float(expit(logit(value) + side * reach / (value * (1 - value)))) for side in (-1, 1))
    return Interval(value, *ends)


def _ours(sample: Sample) -> Interval:
    return (score_interval if sample.is_score else difference_interval)(sample.spread)


KINDS: dict[str, Callable[[Sample], Interval]] = {
    "percentile": _percentiles,
    "BCa": _bca,
    "bootstrap-t": _bootstrap_t,
    "jackknife, t (scores: logit)": _student,
    "the same, tails (ours)": _ours,
}


def _samples(ours: Counts, theirs: Counts) -> dict[str, Sample]:
    """Of one seed: every score and difference by name."""
    images = ours.shape[1]
    times = np.random.default_rng(0).multinomial(images, np.full(images, 1 / images), size=RESAMPLES)
    plain, again, rest = [], [], []
    for way in (ours, theirs):
        totals = np.tensordot(times, way[0], axes=(-1, 0))
        plain.append(_columns(spreads(way)))
        again.append(_columns(confusion_scores(totals)))
        rest.append(_columns(confusion_scores(np.maximum(totals[:, None] - way[0], 0))))
    found = {}
    for name in plain[0]:
        pairs = [(part[0][name], part[0][name] - part[1][name]) for part in (plain, again, rest)]
        for what, values, drawn, left in zip((name, f"difference of {name}"), *pairs, strict=True):
            left = np.where(times > 0, left, np.nan)
            middle = np.nansum(times * left, 1, keepdims=True) / images
            errors = np.sqrt((images - 1) / images * np.nansum(times * (left - middle) ** 2, 1))
            found[what] = Sample(spread_of(values), drawn, errors, is_score=what == name)
    return found


def _columns(scores: dict[str, Float64[np.ndarray, "..."]]) -> dict[str, Float64[np.ndarray, "..."]]:
    classes = {f"IoU of class {k}": column for k, column in enumerate(np.moveaxis(scores["iou"], -1, 0))}
    return {**{name: scores[name] for name in MEANS}, **classes}


def held(
    population: Population, *, images: int, seeds: int, draws: int = DRAWS, ours_alone: bool = False
) -> dict[tuple[str, str], tuple[float, float]]:
    """The share of draws whose interval holds the truth, and the median width, by score and kind of interval.

    Of more than one seed, or with `ours_alone`, only the project's kind of interval.
    """
    random = np.random.default_rng((images, seeds))
    ours, theirs = (_columns(way) for way in population.truth(seeds))
    truth = {**ours, **{f"difference of {name}": ours[name] - theirs[name] for name in ours}}
    ends: dict[tuple[str, str], list[Interval]] = {}
    for _ in range(draws):
        drawn = population.draw(random, images, seeds)
        if seeds == 1 and not ours_alone:
            samples, kinds = _samples(*drawn), KINDS
        else:
            first, second = (_columns(spreads(way)) for way in drawn)
            scores = {name: Sample(spread_of(first[name]), NOTHING, NOTHING, is_score=True) for name in first}
            gaps = {f"difference of {n}": spread_of(first[n]) - spread_of(second[n]) for n in first}
            samples = scores | {name: Sample(gap, NOTHING, NOTHING, is_score=False) for name, gap in gaps.items()}
            kinds = {"ours": _ours}
        for name, sample in samples.items():
            for kind, interval in kinds.items():
                ends.setdefault((name, kind), []).append(interval(sample))
    return {key: _coverage(found, float(truth[key[0]])) for key, found in ends.items()}


def _coverage(found: Sequence[Interval], truth: float) -> tuple[float, float]:
    low, high = np.array([[one.low, one.high] for one in found]).T
    return float(np.mean((low <= truth) & (truth <= high))), float(np.nanmedian(high - low))


def main() -> None:
    """Print a table: a line for each score, number of images and number of seeds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--ours", nargs="+", type=Path, default=[], metavar="RUN")
    parser.add_argument("--theirs", nargs="+", type=Path, default=[], metavar="RUN")
    parser.add_argument("--draws", type=int, default=DRAWS)
    flags = parser.parse_args()
    population = Recorded(flags.ours, flags.theirs) if flags.ours else MadeUp()
    most = len(flags.ours) or max(SEEDS)
    for seeds in (1, *(count for count in SEEDS if count <= most)):
        for images in IMAGES:
            found = held(population, images=images, seeds=seeds, draws=flags.draws)
            told: dict[str, list[str]] = {}
            for (name, kind), (share, width) in found.items():
                told.setdefault(name, []).append(f"{kind} {share:.1%} ({width:.3f})")
            for name, cells in told.items():
                print(f"{seeds} seeds, {images} images, {name}: {'; '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
