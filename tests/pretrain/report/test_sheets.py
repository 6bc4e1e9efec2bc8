"""Hidden patches are drawn as the encoder saw them."""

import pytest
import torch

from common.config.load import load_config
from pretrain.build import build_model, build_target, build_tasks
from pretrain.config import PretrainConfig
from pretrain.report.sheets import seen_by
from tests.pretrain.pretexts.photos import photos

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
