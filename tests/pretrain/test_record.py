"""What the record of a handover file and the title of a page say of the training."""

from dataclasses import replace

import pytest

from common.config.load import load_config
from common.models.named import Beginning
from common.run.notes import external_labels
from common.run.plain_data import from_dict, to_dict
from common.run.records import PretrainingRecord
from pretrain.config import PretrainConfig
from pretrain.record import task_record, task_words
from tests.tiny import TINY

ALONE = ["--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0"]
VIEWS = ["--contrast_weight", "1", "--jitter", "0.4"]
MASKS = ["--pseudo_mask_weight", "1"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "filling in hidden patches, as gradient histograms"),
        (["--pretext", "restore"], "restoring corrupted images"),
        (["--target", "features"], "filling in hidden patches, as the features of mobilenet_v2 (imagenet)"),
        (["--pretext", "plain", "--target", "features"], "predicting the features of mobilenet_v2 (imagenet)"),
        (["--pretext", "plain", "--target", "hog"], "predicting gradient histograms"),
        ([*ALONE, *MASKS], "segmenting the foreground"),
        ([*ALONE, *VIEWS], "contrastive learning"),
        ([*ALONE, *VIEWS, *MASKS], "segmenting the foreground, and contrastive learning"),
        ([*ALONE, *MASKS, "--pretext", "denoise"], "segmenting the foreground in noisy images"),
        (["--pretext", "plain", *MASKS], "rebuilding images, and segmenting the foreground"),
        (VIEWS, "filling in hidden patches, as gradient histograms, and contrastive learning"),
    ],
)
def test_the_words_name_all_that_was_learnt(flags, words):
    assert task_words(task_record(load_config(PretrainConfig, [*TINY, *flags], prog=""))) == words


@pytest.mark.parametrize(("flags", "target"), [(MASKS, "saliency"), (VIEWS, "contrast")])
def test_a_record_has_the_keys_of_version_0_1_0(flags, target):
    task = to_dict(task_record(load_config(PretrainConfig, [*TINY, *ALONE, *flags, "--skips", "drop"], prog="")))
    assert task["target"] == target
    assert task["saliency_weight"] == (flags == MASKS)
    assert task["contrast_weight"] == (flags == VIEWS)
    assert task["saliency_from"] == "colours"
    assert task["settings"] == {"skip_drop": 0.5}
    assert task["uses_labels"] is task["uses_imagenet_labels"] is False


@pytest.mark.parametrize(
    ("flags", "taken"),
    [
        ([], "encoder"),
        (MASKS, "encoder"),
        (["--pretext", "plain", "--target", "features", *MASKS], "encoder"),
        ([*ALONE, *VIEWS], "encoder"),
        ([*ALONE, *MASKS], "outlines"),
        ([*ALONE, *VIEWS, *MASKS], "outlines"),
    ],
)
def test_a_record_says_what_phase_2_is_best_given_as_one_of_an_older_version_is_read(flags, taken):
    task = task_record(load_config(PretrainConfig, [*TINY, *flags], prog=""))
    assert task.best_as == task.advised == taken
    assert replace(task, best_as=None).advised == taken


def test_a_record_has_the_settings_of_its_pretext_alone():
    task = task_record(load_config(PretrainConfig, [*TINY, "--mask_ratio", "0.5"], prog=""))
    assert task.settings == {"mask_ratio": 0.5, "patch_size": 8, "hidden_at": "every_level"}


@pytest.mark.parametrize(
    ("flags", "where"),
    [([], "every_level"), (["--hidden_at", "input"], "input"), (["--encoder", "mobilenet_v2"], "input")],
)
def test_a_record_says_where_patches_were_hidden(flags, where):
    config = load_config(PretrainConfig, ["--image_size", "64", *flags], prog="")
    assert task_record(config).settings["hidden_at"] == where


def test_a_record_says_what_the_first_training_began_with_and_whose_labels_that_brought(tmp_path):
    config = load_config(PretrainConfig, TINY, prog="")
    imagenet = Beginning("ImageNet (mobilenet_v2)", loaded=312, uses_imagenet_labels=True)
    first = task_record(config, None, imagenet)
    words = "filling in hidden patches, as gradient histograms"
    assert task_words(first) == f"{words}, beginning with ImageNet (mobilenet_v2)"
    assert first.uses_imagenet_labels
    assert from_dict(PretrainingRecord, to_dict(first), source=tmp_path) == first
    second = task_record(config, first, Beginning("scratch"))
    assert task_words(second) == f"{words}, after {words}, beginning with ImageNet (mobilenet_v2)"
    assert (second.began_with, second.origin) == ("", "ImageNet (mobilenet_v2)")
    assert second.uses_imagenet_labels
    unknown = task_record(config, None, Beginning("mine.pth (resnet18)", loaded=1, unknown_labels=True))
    assert task_record(config, unknown).unknown_labels
    assert external_labels(unknown) == "unknown"


def test_a_record_of_a_training_from_scratch_has_no_more_entries_than_before():
    task = to_dict(task_record(load_config(PretrainConfig, TINY, prog=""), None, Beginning("scratch")))
    assert {"began_with", "unknown_labels"}.isdisjoint(task)
