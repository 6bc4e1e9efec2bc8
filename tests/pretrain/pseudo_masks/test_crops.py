"""Crops of the foreground as views: where they are cut, what is swapped, and what a training by them changes."""

import pytest
import torch

from common.config.load import load_config
from common.data.batches import Batch
from common.errors import UserError
from common.run.checkpoint import load_handover
from common.run.claim import RunFolder
from pretrain.config import PretrainConfig
from pretrain.phase import Pretraining
from pretrain.pseudo_masks.crops import LEAST, MARGIN, ForegroundCrops, foreground_boxes
from pretrain.pseudo_masks.photographs import Photographs
from pretrain.tasks import BatchTasks
from tests.datasets import write_folder
from tests.tiny import SYNTHETIC, TINY

KINDS = ["--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0", "--contrast_weight", "1"]
KINDS += ["--contrast_views", "foreground", "--jitter", "0.4"]


def square(side, top, left, size, number=1):
    """The foreground of some photographs: the same square in each."""
    mask = torch.zeros(number, side, side, dtype=torch.int64)
    mask[:, top : top + size, left : left + size] = 1
    return mask


def test_a_box_holds_its_foreground_with_a_margin_and_ends_with_the_image():
    (box,) = foreground_boxes(square(64, 16, 32, 32))
    assert box.tolist() == pytest.approx([-MARGIN / 2, -0.5 - MARGIN / 2, 1, 0.5 + MARGIN / 2])


def test_specks_do_not_move_a_box_and_ignored_pixels_are_no_foreground():
    mask = square(128, 40, 40, 48)
    expected = foreground_boxes(mask)
    mask[0, 0, 0] = 1
    mask[0, :8] = 255
    torch.testing.assert_close(foreground_boxes(mask), expected)


@pytest.mark.parametrize("mask", [square(64, 0, 0, 0), square(64, 5, 5, 10)], ids=["none", "too small"])
def test_without_a_foreground_to_crop_the_box_is_the_image(mask):
    assert (mask == 1).float().mean() < LEAST
    assert foreground_boxes(mask).tolist() == [[-1, -1, 1, 1]]


def test_views_show_more_of_the_foreground_at_the_side_that_was_asked_for():
    mask = square(64, 20, 20, 24, number=32)
    image = mask[:, None].expand(-1, 3, -1, -1).float()  # white objects on black
    first, second = ForegroundCrops(32, swap=0.0, jitter=0.0)(image, mask)
    assert first.shape == second.shape == (32, 3, 32, 32)
    assert first.mean() > 0.3  # the whole image has 0.14
    assert not torch.equal(first, second)


def test_the_background_of_first_views_is_swapped_and_the_foreground_stays():
    mask = square(64, 16, 16, 32, number=16)
    white = mask[:, None].expand(-1, 3, -1, -1).float()
    image = torch.where(torch.arange(16)[:, None, None, None] % 2 == 0, white, 0.5 + white / 2)
    torch.manual_seed(0)
    kept, _ = ForegroundCrops(32, swap=0.0, jitter=0.0)(image, mask)
    torch.manual_seed(0)
    swapped, _ = ForegroundCrops(32, swap=1.0, jitter=0.0)(image, mask)
    object_ = (kept == 1).all(1, keepdim=True).expand_as(kept)
    assert torch.equal(swapped[object_], kept[object_])
    assert not torch.equal(swapped, kept)


def test_equal_seeds_give_equal_views_in_the_range_of_images():
    mask, image = square(32, 4, 4, 20, number=4), torch.rand(4, 3, 32, 32)
    crops = ForegroundCrops(16, swap=0.5, jitter=0.4)
    torch.manual_seed(1)
    first = crops(image, mask)
    torch.manual_seed(1)
    for view, again in zip(first, crops(image, mask), strict=True):
        assert torch.equal(view, again)
        assert 0 <= view.min() <= view.max() <= 1


def test_the_encoder_learns_alone_from_larger_images_and_the_file_says_so(tmp_path):
    write_folder(tmp_path / "data", count=60)
    flags = [*TINY, "--data_dir", str(tmp_path / "data"), "--output_dir", str(tmp_path / "run"), "--epochs", "1"]
    config = load_config(PretrainConfig, [*flags, *KINDS, "--pseudo_mask_size", "96"], prog="")
    with RunFolder("pretrain", config) as held:
        phase = Pretraining(config, held)
        assert phase.data.train.images.shape[1] == 96
        assert phase.data.val.images.shape[1] == config.data.image_size
        before = {name: tensor.clone() for name, tensor in phase.model.state_dict().items()}
        phase.report(phase.train())
    after = phase.model.state_dict()
    changed = {name.split(".")[0] for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert changed == {"encoder", "heads", "picture"}
    file = load_handover(tmp_path / "run" / "best.pth", kind="autoencoder")
    assert file.task.settings["contrast_views"] == "foreground"
    assert file.task.best_as == "encoder"
    assert not file.task.uses_imagenet_labels


def test_photographs_get_pseudo_masks_for_crops_of_the_foreground():
    config = load_config(PretrainConfig, [*TINY, *SYNTHETIC, *KINDS], prog="")
    assert Photographs(config).masked().train.masks is not None


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--contrast_views", "foreground"], "give --contrast_weight 1 too"),
        ([*KINDS, "--pseudo_mask_weight", "1"], "trains the encoder by that alone"),
        ([*KINDS, "--mse_weight", "1"], "trains the encoder by that alone"),
        ([*KINDS, "--fit", "crop"], "takes whole photographs of a single object"),
    ],
)
def test_settings_that_leave_no_crops_of_foreground_are_refused(flags, sentence):
    with pytest.raises(UserError, match=sentence):
        load_config(PretrainConfig, flags, prog="")


def test_the_encoder_learns_at_its_own_rate(tmp_path):
    flags = [*TINY, *SYNTHETIC, "--epochs", "1", "--encoder_lr_factor"]
    moved = {}
    for factor in ("1", "0.001"):
        config = load_config(PretrainConfig, [*flags, factor, "--output_dir", str(tmp_path / factor)], prog="")
        with RunFolder("pretrain", config) as held:
            phase = Pretraining(config, held)
            before = {name: tensor.clone() for name, tensor in phase.model.named_parameters()}
            phase.train()
        after = dict(phase.model.named_parameters())
        moved[factor] = {
            part: max((after[name] - before[name]).abs().max().item() for name in before if name.startswith(part))
            for part in ("encoder", "decoder")
        }
    assert moved["0.001"]["encoder"] < 0.1 * moved["1"]["encoder"]
    assert moved["0.001"]["decoder"] > 0.5 * moved["1"]["decoder"]


def test_padding_is_no_part_of_the_picture_of_the_whole():
    config = load_config(PretrainConfig, [*TINY, *SYNTHETIC, *KINDS], prog="")
    inside = torch.zeros(2, 1, 96, 96, dtype=torch.bool)
    inside[..., 17:80] = True
    batch = Batch(torch.rand(2, 3, 96, 96), square(96, 30, 30, 40, 2), torch.arange(2), inside)
    for task in (BatchTasks(config).training(batch), BatchTasks(config).validation(batch)):
        assert task.valid is not None
        assert task.valid.shape == (2, 1, 64, 64)
        columns = task.valid[0, 0].all(0).nonzero()[:, 0]
        assert (columns.min(), columns.max()) == (12, 52)  # cells that no padding touches
