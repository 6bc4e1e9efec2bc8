"""What the record of a handover file and the title of a page say of the training."""

import pytest

from common.config.load import load_config
from common.run.plain_data import to_dict
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


def test_a_record_has_the_settings_of_its_pretext_alone():
    task = task_record(load_config(PretrainConfig, [*TINY, "--mask_ratio", "0.5"], prog=""))
    assert task.settings == {"mask_ratio": 0.5, "patch_size": 8, "hidden_at": "every_level"}
