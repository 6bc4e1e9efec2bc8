"""Hidden patches are drawn as the encoder saw them, and crops as they are compared."""

import pytest
import torch

from common.config.load import load_config
from pretrain.build import build_model, build_target, build_tasks
from pretrain.config import PretrainConfig
from pretrain.pseudo_masks.photographs import Photographs
from pretrain.report.sheets import seen_by, view_blocks
from tests.pretrain.pretexts.photos import photos
from tests.tiny import SYNTHETIC, TINY

CPU = torch.device("cpu")

UNET = ["--widths", "4", "4", "4", "4", "4", "4"]
MOBILENET = ["--encoder", "mobilenet_v2", "--encoder_weights", "none"]


@pytest.mark.parametrize(
    ("words", "kept_out"), [(UNET, True), ([*UNET, "--hidden_at", "input"], False), (MOBILENET, False)]
)
def test_hidden_patches_have_the_mean_colour_unless_they_are_kept_out_of_the_maps(words, kept_out):
    config = load_config(PretrainConfig, [*words, "--image_size", "64"], prog="")
    model = build_model(config, build_target(config)).eval()
    task = build_tasks(config)(photos(2))
    drawn, visible = seen_by(model.encoder, task), task.visible
    assert visible is not None
    colour = torch.zeros_like(drawn) if kept_out else model.encoder.mean.expand_as(drawn)
    torch.testing.assert_close(drawn, torch.where(visible.bool(), task.image, colour))
    if not kept_out:  # what is drawn is what enters
        seen = model.encode(task.seen, visible, everywhere=task.everywhere)
        for ours, theirs in zip(model.encode(drawn), seen, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_the_views_of_crops_stand_beside_their_photographs_and_there_are_none_without():
    words = [*TINY, *SYNTHETIC, "--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0"]
    words += ["--contrast_weight", "1", "--jitter", "0.4"]
    config = load_config(PretrainConfig, [*words, "--contrast_views", "foreground"], prog="")
    pack = Photographs(config).masked().val
    (block,) = view_blocks(pack, config, device=CPU)
    assert block == view_blocks(pack, config, device=CPU)[0], "the same crops each time"
    assert all(head in str(block) for head in ("photograph", "one view", "the other", *pack.keys[:1]))
    assert view_blocks(pack, load_config(PretrainConfig, words, prog=""), device=CPU) == []
