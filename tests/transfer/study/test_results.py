"""What a study concludes from cells whose answers are known."""

import math
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.config.load import load_config
from common.errors import UserError
from common.intervals import Difference, Interval
from transfer.config import TransferConfig
from transfer.study.config import StudyConfig, StudyOptions
from transfer.study.folds import pool_folds
from transfer.study.initialisations import Initialisation, baseline_of, parse_initialisations
from transfer.study.results import DoubleBudget, Results, double_budget, labels_needed, scores_of
from transfer.study.sentences import (
    doubled_budget,
    head_to_head,
    labels_saved,
    next_command,
    other_baselines,
    too_little,
    verdict,
)
from transfer.study.table import _cell, per_class, terminal_lines
from transfer.study.trials import Trial, TrialResult

NONE = Interval(math.nan, math.nan, math.nan)
SCRATCH, OWN = Initialisation("scratch", scratch=True), Initialisation("own", Path("ae.pth"))


def result(accuracy, *, fraction=0.1, seed=0, images=40, encoder=None):
    """A cell of two classes in which this share of every image's pixels is right, a little less or more each."""
    noise = np.random.default_rng(7).normal(0, 0.03, images)
    each = np.clip(accuracy + noise - noise.mean(), 0, 1)
    right = np.round(each * 500).astype(np.int64)
    counts = np.stack([np.stack([right, 500 - right], -1), np.stack([500 - right, right], -1)], -2)
    iou = accuracy / (2 - accuracy)
    record = {
        "test": {"mean_iou": iou, "per_class": {"ground": {"iou": iou}, "pet": {"iou": iou}}},
        "images": {"train": 100 * fraction, "val": 10 * fraction, "test": images},
        "classes": ["ground", "pet"],
        "lr": 0.003,
        "encoder_lr_factor": 0.3,
        "uses_imagenet_labels": False,
        "uses_labels": False,
        "encoder": encoder or {"name": "unet"},
        "seconds": 1.0,
    }
    return TrialResult(record, counts)


def cells(start, by_fraction, *, kind="score", seeds=3, images=40):
    return {
        Trial(kind, start, fraction, seed, 0.003, 0.3): result(
            accuracy + 0.002 * seed, fraction=fraction, seed=seed, images=images
        )
        for fraction, accuracy in by_fraction.items()
        for seed in range(seeds)
    }


def curve(by_fraction, start=OWN, against=None):
    results = cells(start, by_fraction) | cells(SCRATCH, against or {})
    return [score for score in scores_of(results, [SCRATCH, start]) if score.start == start]


def test_a_verdict_names_where_it_helped_where_it_harmed_and_where_no_difference_shows():
    found = curve({0.05: 0.75, 0.1: 0.70, 1.0: 0.80}, against={0.05: 0.65, 0.1: 0.75, 1.0: 0.80})
    assert [score.answer for score in found] == ["helped", "harmed", "made no difference that shows"]
    words = verdict(OWN, SCRATCH, found)
    assert words.startswith("own against scratch: helped with 5 + 0 (+0.1")
    assert " masks; harmed with 10 + 1 (-0.0" in words
    assert "; made no difference that shows with 100 + 10 (+0.000" in words


@pytest.mark.parametrize("best", [SCRATCH, OWN, Initialisation("scratch", scratch=True, like=OWN)])
def test_the_next_command_trains_the_network_that_did_best_as_it_was_trained(best):
    typed = ["--image_size", "64", "--widths", "8", "8", "--dropout", "0", "0", "--updates", "60", "--folds", "3"]
    config = load_config(StudyConfig, ["--data_dir", "my data", *typed, "--validations", "6"], prog="")
    other = OWN if best.scratch else SCRATCH
    results = cells(best, {0.1: 0.5, 1.0: 0.8}) | cells(replace(other, name="other"), {0.1: 0.6, 1.0: 0.7})
    command = shlex.split(next_command(Results((best, replace(other, name="other")), results, ()), config))
    trial = Trial("score", best, 1.0, 0, 0.003, 1.0 if best.scratch else 0.3)
    planned = trial.config(config, Path("runs/best"))
    ours = load_config(TransferConfig, command[3:], prog="")
    factor = None if best.scratch else 0.3
    assert ours.encoder == replace(planned.encoder, encoder_lr_factor=factor)
    assert ours.data == replace(planned.data, folds=None, cache_dir=ours.data.cache_dir)
    for group in ("training", "model", "decoder", "loss", "labels", "optim", "augment"):
        assert getattr(ours, group) == getattr(planned, group)


def test_a_table_for_terminals_has_a_line_for_each_start_and_number_of_masks():
    results = cells(OWN, {0.1: 0.5, 1.0: 0.8}) | cells(SCRATCH, {0.1: 0.4, 1.0: 0.8})
    lines = terminal_lines(Results((SCRATCH, OWN), results, ()), StudyConfig())
    start = lines.index("initialisation  masks     mean IoU  95 % interval   difference")
    rows = lines[start + 1 : start + 5]
    assert [row.split()[0] for row in rows] == ["scratch", "scratch", "own", "own"]
    assert re.fullmatch(r"own             100 \+ 10  0\.\d{3}     0\.\d{3} to 0\.\d{3}  \+0\.000", rows[3])
    assert not any(line.startswith("|") for line in lines)


def test_a_score_is_the_mean_over_seeds_and_its_difference_is_paired():
    (score,) = curve({0.1: 0.75}, against={0.1: 0.70})
    ious = [(0.75 + d) / (2 - 0.75 - d) for d in (0, 0.002, 0.004)]
    assert score.mean_iou.value == pytest.approx(np.mean(ious), abs=1e-3)
    assert 0 < score.mean_iou.low < score.mean_iou.value < score.mean_iou.high < 1
    assert score.seeds == (0, 1, 2)
    assert score.labels == pytest.approx(11)
    assert score.difference is not None
    assert score.difference.value == pytest.approx(0.75 / 1.25 - 0.70 / 1.30, abs=0.01)
    assert score.difference.high - score.difference.low < 0.01, "the images are the same in both"


@pytest.mark.parametrize(
    ("seeds", "images", "lack"),
    [(1, 40, "1 seed"), (2, 40, "2 seeds"), (3, 7, "7 test images"), (2, 1, "1 test image, 2 seeds")],
)
def test_too_few_seeds_or_images_have_no_verdict_word(seeds, images, lack):
    results = cells(OWN, {0.1: 0.8}, seeds=seeds, images=images) | cells(
        SCRATCH, {0.1: 0.5}, seeds=seeds, images=images
    )
    evidence = Results((SCRATCH, OWN), results, ())
    assert too_little(evidence) == f"too few to tell: {lack}"
    words = verdict(OWN, SCRATCH, evidence.curves[OWN])
    assert words.startswith(f"own against scratch: too few to tell: {lack} with 10 + 1 (+0.3")
    assert labels_saved(OWN, SCRATCH, evidence.curves) == []
    assert "nan" not in "\n".join(terminal_lines(evidence, StudyConfig()))


def test_enough_of_both_leave_no_alert():
    evidence = Results((SCRATCH, OWN), cells(OWN, {0.1: 0.8}, images=8) | cells(SCRATCH, {0.1: 0.5}, images=8), ())
    assert too_little(evidence) == ""
    assert too_little(Results((SCRATCH, OWN), {}, ())) == ""


def test_one_seed_is_no_evidence():
    results = cells(OWN, {0.1: 0.8}, seeds=1) | cells(SCRATCH, {0.1: 0.5}, seeds=1)
    (score,) = [score for score in scores_of(results, [SCRATCH, OWN]) if score.start == OWN]
    assert score.answer == "too few to tell: 1 seed"
    assert np.isnan(score.mean_iou.low)
    assert "10 + 1 (+0.333, no interval)" in verdict(OWN, SCRATCH, [score])


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_baseline_with_another_network_is_an_alert(part):
    results = cells(SCRATCH, {0.1: 0.5}) | {
        cell: replace(found, record={**found.record, part: {"name": "another"}})
        for cell, found in cells(OWN, {0.1: 0.8}).items()
    }
    evidence = Results((SCRATCH, OWN), results, ())
    (alert,) = evidence.unequal
    assert alert.startswith("UNEQUAL NETWORKS: own and scratch differ in network")
    assert Results((SCRATCH, OWN), cells(OWN, {0.1: 0.8}) | cells(SCRATCH, {0.1: 0.5}), ()).unequal == []


def test_pretrained_starts_are_compared_in_pairs_where_both_were_scored():
    other = Initialisation("imagenet", encoder="mobilenet_v2")
    results = cells(OWN, {0.1: 0.75, 0.2: 0.8}) | cells(other, {0.1: 0.70, 1.0: 0.9}) | cells(SCRATCH, {0.1: 0.5})
    evidence = Results((SCRATCH, OWN, other), results, ())
    rivals = evidence.head_to_head
    assert list(rivals) == [(OWN, other)]
    assert list(rivals[OWN, other]) == [0.1]
    assert rivals[OWN, other][0.1].value == pytest.approx(0.75 / 1.25 - 0.70 / 1.30, abs=0.01)
    assert head_to_head("own", evidence.rival(OWN, other), evidence.rivals[OWN, other]).startswith(
        "own against imagenet: helped with 10 + 1 (+0.0"
    )
    assert not Results((SCRATCH, OWN), results, ()).head_to_head


def test_a_rival_with_another_network_is_named_as_one():
    other = Initialisation("imagenet", encoder="mobilenet_v2")
    theirs = {
        cell: replace(found, record={**found.record, "encoder": {"name": "mobilenet_v2"}})
        for cell, found in cells(other, {0.1: 0.70}).items()
    }
    evidence = Results((OWN, other), cells(OWN, {0.1: 0.75}) | theirs, ())
    assert not evidence.unequal, "neither has a baseline"
    assert evidence.rival(OWN, other) == "imagenet (another network)"
    assert evidence.rival(OWN, OWN) == "own"


def test_a_start_with_photographs_is_held_against_the_same_without_them():
    pool = Initialisation("own_and_pool", Path("ae.pth"), pool=True)
    results = cells(OWN, {0.1: 0.70}) | cells(pool, {0.1: 0.75}) | cells(SCRATCH, {0.1: 0.5})
    assert list(Results((SCRATCH, OWN, pool), results, ()).head_to_head) == [(pool, OWN)]


def test_a_diverged_cell_is_named_and_left_out():
    results = cells(OWN, {0.1: 0.8}) | cells(SCRATCH, {0.1: 0.5})
    lost = next(iter(results))
    results[lost] = TrialResult({**results[lost].record, "test": None}, None)
    evidence = Results((SCRATCH, OWN), results, ())
    assert evidence.diverged == [lost.name]
    assert [len(score.seeds) for score in evidence.scores] == [3, 2]


def test_labels_are_saved_only_where_a_start_helped_and_the_baseline_needs_them():
    ours, theirs = {0.1: 0.7, 1.0: 0.72}, {0.1: 0.6, 1.0: 0.7}
    evidence = Results((SCRATCH, OWN), cells(OWN, ours) | cells(SCRATCH, theirs), ())
    few, many = labels_saved(OWN, SCRATCH, evidence.curves)
    assert few == "scratch reaches 0.431 with 11 labels, own with at most 11"
    assert many == "scratch reaches 0.541 with 110 labels, own with at most 11: 99 saved"
    declining = {0.1: 0.7, 1.0: 0.69}
    same = Results((SCRATCH, OWN), cells(OWN, declining) | cells(SCRATCH, declining), ())
    assert labels_saved(OWN, SCRATCH, same.curves) == []


def test_a_start_without_its_baseline_has_a_score_and_no_difference():
    (score,) = curve({0.1: 0.75})
    assert score.difference is None
    assert verdict(OWN, SCRATCH, [score]) == "own against scratch: not yet known."


def test_labels_needed_are_read_off_the_curve_over_their_logarithm():
    found = curve({0.1: 0.6, 0.4: 0.7, 1.0: 0.65})
    low, high = found[0].mean_iou.value, found[1].mean_iou.value
    assert labels_needed(found, low - 0.01) == (pytest.approx(11), "at most")
    assert labels_needed(found, high + 0.01) == (pytest.approx(110), "more than")
    number, word = labels_needed(found, (low + high) / 2)
    assert (number, word) == (pytest.approx((11 * 44) ** 0.5), "about")
    assert labels_needed(found, high)[0] == pytest.approx(44)


def test_folds_are_put_together_image_by_image_and_unfinished_ones_are_left_out():
    parts = {replace(trial, fold=fold): found for fold in (1, 2) for trial, found in cells(OWN, {0.1: 0.7}).items()}
    lost = [trial for trial in parts if trial.fold == 2 and trial.seed == 2]
    whole = pool_folds({trial: found for trial, found in parts.items() if trial not in lost}, 2)
    assert sorted(trial.seed for trial in whole) == [0, 1]
    assert {trial.fold for trial in whole} == {0}
    for trial, found in whole.items():
        both = [parts[replace(trial, fold=fold)].counts for fold in (1, 2)]
        assert found.counts is not None
        np.testing.assert_array_equal(found.counts, np.concatenate(both))
        assert found.record["images"] == {"train": 10, "val": 1, "test": 80}
        assert found.record["test"]["mean_iou"] == pytest.approx(0.7 / 1.3, abs=0.01)


def test_scratch_has_the_network_of_the_first_file_or_else_of_imagenet_unless_another_has_it():
    def shapes(*words):
        return {start.name: start.flags for start in parse_initialisations(words)}

    own = shapes("scratch", "scratch_unet", "own=ae.pth+outlines", "imagenet")
    assert own["scratch"] == {"like": Path("ae.pth"), "transfer": "outlines"}
    assert own["scratch_unet"] == {"encoder": "unet", "encoder_weights": "none"}
    assert shapes("scratch", "imagenet", "own=ae.pth+outlines")["scratch"] == own["scratch"]
    assert shapes("scratch", "imagenet")["scratch"] == {"encoder": "mobilenet_v2", "encoder_weights": "none"}
    assert shapes("scratch", "scratch_mobilenet_v2", "imagenet")["scratch"]["encoder"] == "unet"
    assert shapes("scratch")["scratch"]["encoder"] == "unet"


def test_labels_are_chosen_by_counts_that_the_data_has():
    def counts(masks, **options):
        chosen = StudyConfig(study=StudyOptions(**options)).of(masks).study
        assert chosen.label_fractions is not None
        return [round(fraction * masks) for fraction in chosen.label_fractions]

    assert counts(14) == [14]
    assert counts(26) == [12, 26]
    assert counts(300) == [12, 25, 50, 100, 300]
    assert counts(300, label_counts=("13", "all")) == [13, 300]
    assert counts(300, label_fractions=(0.5, 1.0)) == [150, 300]
    assert StudyConfig().of(26).study.search_fraction == 1
    assert StudyConfig().of(100).study.search_fraction == 0.5
    assert StudyConfig().of(1000).study.search_fraction == 0.2
    with pytest.raises(UserError, match="--label_counts 50: there are 26 training masks"):
        counts(26, label_counts=("50",))


def test_a_pretrained_start_is_measured_against_its_own_network_from_scratch():
    starts = parse_initialisations(("scratch", "own=ae.pth", "imagenet", "scratch_mobilenet_v2", "imagenet_resnet34"))
    baselines = {start.name: baseline_of(start, starts) for start in starts}
    names = {name: other.name if other else None for name, other in baselines.items()}
    assert names == {
        "scratch": None,
        "own": "scratch",
        "imagenet": "scratch_mobilenet_v2",
        "scratch_mobilenet_v2": None,
        "imagenet_resnet34": "scratch",
    }
    assert baseline_of(OWN, [OWN]) is None
    for words in (("scratch_unet", "scratch", "own=ae.pth"), ("scratch", "scratch_unet", "own=ae.pth")):
        *_, own = starts = parse_initialisations(words)
        baseline = baseline_of(own, starts)
        assert baseline is not None
        assert baseline.name == "scratch", "the network of the file, whatever stands first"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("scratch", "own=ae.pth"), []),
        (("scratch", "imagenet"), []),
        (("imagenet", "own=ae.pth"), []),
        (("scratch", "scratch_mobilenet_v2", "imagenet", "own=ae.pth"), []),
        (("scratch", "imagenet", "imagenet+pool", "own=ae.pth"), ["imagenet and imagenet+pool"]),
        (("scratch", "imagenet", "imagenet_resnet34"), ["imagenet_resnet34"]),
    ],
)
def test_starts_that_lack_a_baseline_of_their_own_network_are_told_before_the_trainings(words, told):
    sentences = other_baselines(parse_initialisations(words))
    assert [sentence.split(" has no baseline ")[0].split(" have no baseline ")[0] for sentence in sentences] == told
    assert all("name scratch_" in sentence for sentence in sentences)


@pytest.mark.parametrize(("gain", "enough"), [(0.001, True), (0.05, False)])
def test_twice_the_budget_is_held_against_the_spread_over_seeds(gain, enough):
    plain, twice = cells(SCRATCH, {0.1: 0.7, 1.0: 0.8}), cells(SCRATCH, {1.0: 0.8 + gain}, kind="double")
    found = double_budget(plain | twice)
    assert found is not None
    change, spread = found.gain, found.spread
    ious = [(0.8 + d) / (1.2 - d) for d in (0, 0.002, 0.004)]
    assert spread == pytest.approx(max(ious) - min(ious))
    more = np.mean([(0.8 + gain + d) / (1.2 - gain - d) for d in (0, 0.002, 0.004)])
    assert change.value == pytest.approx(more - np.mean(ious), abs=1e-3)
    assert found.enough is enough
    assert double_budget(plain) is None


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ((0.03, 0.032, 0.031), "is sufficient by that measure, though more updates would help."),
        ((0.03, -0.02, 0.01), "is sufficient."),
        ((0.09, 0.092, 0.091), "IS TOO SHORT."),
    ],
)
def test_a_budget_that_surely_helps_is_not_called_long_enough_alone(gains, words):
    plain = {Trial("score", SCRATCH, 1.0, s, 0.003, 1.0): result(0.70 + 0.025 * s, seed=s) for s in range(3)}
    twice = {
        Trial("double", SCRATCH, 1.0, s, 0.003, 1.0): result(0.70 + 0.025 * s + gain, seed=s)
        for s, gain in enumerate(gains)
    }
    found = double_budget(plain | twice)
    assert found is not None
    said = doubled_budget(found)
    assert ("the mean IoU of scratch on the most labels by +0.0" in said) == (gains[0] < 0.05)
    assert said.endswith(words)


def test_a_budget_of_too_few_images_or_seeds_is_not_judged():
    few = DoubleBudget("scratch", Difference(0.006, math.nan, math.nan, images=1, seeds=2), 0.482)
    told = "+0.006, no interval; its seeds spread over 0.482: too few to tell: 1 test image, 2 seeds."
    assert doubled_budget(few).endswith(told)


def test_a_score_without_an_interval_has_none_in_the_table():
    [score] = scores_of(cells(SCRATCH, {0.1: 0.8}), [SCRATCH])
    assert _cell(replace(score, mean_iou=Interval(0.5, math.nan, math.nan))) == "0.500"


def test_the_figure_of_many_classes_is_no_wider_than_four_of_them():
    few, many = (
        [replace(curve({0.1: 0.6})[0], per_class=dict.fromkeys(names, NONE))] for names in ("abc", "abcdefghi")
    )
    assert [tuple(per_class(scores).get_size_inches()) for scores in (few, many)] == [(15, 4.2), (20, 3 * 4.2)]


def test_a_seed_whose_counts_are_lost_drops_out_of_both_starts():
    results = cells(OWN, {0.1: 0.8}) | cells(SCRATCH, {0.1: 0.5})
    for start, seed in ((OWN, 0), (SCRATCH, 1)):
        cell = Trial("score", start, 0.1, seed, 0.003, 0.3)
        results[cell] = TrialResult(results[cell].record, None)
    (score,) = [score for score in scores_of(results, [SCRATCH, OWN]) if score.start == OWN]
    assert score.difference is not None
    assert np.isnan(score.difference.low), "one seed is left to both"
