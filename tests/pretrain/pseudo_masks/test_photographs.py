"""Photographs with pseudo-masks: from which network, and at which size."""

import tempfile

import numpy as np
import pytest
import torch

from common.config.load import load_config
from common.data.load import load_splits
from common.errors import UserError
from common.run.checkpoint import load_handover
from common.run.claim import RunFolder
from pretrain.config import PretrainConfig
from pretrain.model import Autoencoder
from pretrain.phase import Pretraining
from pretrain.pseudo_masks.grabcut import foreground
from pretrain.pseudo_masks.photographs import ONE_VALIDATES, Photographs
from pretrain.scoring import foreground_probability
from tests.datasets import write_folder
from tests.tiny import SYNTHETIC, TINY


def train(folder, *flags):
    """A run of phase 1 on pseudo-masks, and its handover file."""
    alone = ["--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0", "--pseudo_mask_weight", "1"]
    config = load_config(
        PretrainConfig, [*TINY, *SYNTHETIC, "--epochs", "1", *alone, "--output_dir", str(folder), *flags], prog=""
    )
    with RunFolder("pretrain", config) as held:
        phase = Pretraining(config, held)
        phase.report(phase.train())
    return phase, load_handover(folder / "best.pth", kind="autoencoder")


def test_pseudo_masks_are_made_again_from_the_predictions_of_the_first_network(tmp_path):
    _, first = train(tmp_path / "first")
    again, second = train(
        tmp_path / "second", "--start_from", str(tmp_path / "first"), "--pseudo_mask_from", "start_from"
    )
    teacher = Autoencoder.from_architecture(first.architecture)
    teacher.load(first.sections, "first")
    teacher.eval()
    images = again.data.train.images
    image = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 255
    straight, mirrored = foreground_probability(teacher, image), foreground_probability(teacher, image.flip(-1))
    assert straight is not None
    assert mirrored is not None
    probabilities = (straight + mirrored[..., ::-1]) / 2
    expected = np.stack([foreground(image, prior) for image, prior in zip(images, probabilities, strict=True)])
    assert np.mean(again.data.train.masks == expected) > 0.999  # convolutions of other batch sizes round differently
    by_colours = np.stack([foreground(image) for image in images])
    assert np.mean(by_colours == expected) < 0.98
    assert second.task.pseudo_mask_from == "start_from"
    assert second.task.before.pseudo_mask_from == "colours"


def test_seeds_of_a_network_that_was_not_trained_on_pseudo_masks_are_refused(tmp_path):
    with pytest.raises(UserError, match="give --start_from and --pseudo_mask_weight 1"):
        load_config(PretrainConfig, ["--pseudo_mask_weight", "1", "--pseudo_mask_from", "start_from"], prog="")
    train(tmp_path / "hog", "--pretext", "mask", "--pseudo_mask_weight", "0")
    flags = ("--start_from", str(tmp_path / "hog"), "--pseudo_mask_from", "start_from")
    with pytest.raises(UserError, match="was not trained on pseudo-masks"):
        train(tmp_path / "again", *flags)


def test_pseudo_masks_of_small_images_are_made_on_larger_images_of_the_same_photographs(tmp_path):
    write_folder(tmp_path / "photographs", 12)
    flags = ["--data_dir", str(tmp_path / "photographs"), "--cache_dir", str(tmp_path / "cache"), "--split_seed", "3"]
    config = load_config(PretrainConfig, [*TINY, *flags, "--pseudo_mask_weight", "1"], prog="")
    photographs = Photographs(config).masked()
    large = load_splits(load_config(PretrainConfig, [*TINY, *flags, "--image_size", "128"], prog="").data)
    for pack, images in ((photographs.train, large.train), (photographs.val, large.val)):
        assert pack.images.shape[1:3] == (64, 64)
        fine = np.stack([foreground(image) for image in images.images]).reshape(-1, 64, 2, 64, 2)
        np.testing.assert_array_equal(pack.masks, fine.mean((2, 4)) > 0.5)
    assert photographs.test.masks is None


def test_pseudo_masks_are_timed_in_the_cache_which_keeps_none_of_them(tmp_path, monkeypatch):
    phase, _ = train(tmp_path / "run", "--cache_dir", str(tmp_path / "cache"))
    before = sorted((tmp_path / "cache").rglob("*"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no folder"))
    assert phase.photographs.seconds(phase.model) > 0
    assert sorted((tmp_path / "cache").rglob("*")) == before


def test_a_contrast_alone_with_one_validation_image_is_noted(tmp_path):
    write_folder(tmp_path / "photographs", 12)
    flags = ["--data_dir", str(tmp_path / "photographs"), "--cache_dir", str(tmp_path / "cache"), "--jitter", "0.2"]
    alone = ["--contrast_weight", "1", "--target", "image", "--mse_weight", "0", "--ssim_weight", "0"]
    for words, noted in ((alone, True), ([*alone, "--val_share", "0.5"], False), (alone[:2], False)):
        config = load_config(PretrainConfig, [*TINY, *flags, *words], prog="")
        assert (ONE_VALIDATES in Photographs(config).masked().notes) == noted
