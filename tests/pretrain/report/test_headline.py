"""The head of the page of phase 1: what it says of the task, of the maps and, last, of pixels."""

import numpy as np
import pytest
import torch

from common.data.synthetic.pets import synthetic_pets
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from pretrain.model import Autoencoder
from pretrain.report.headline import UNTAUGHT, alarms, sentences, tiles
from pretrain.report.scored_model import Level, Outlines, ScoredModel

SCORES = {
    "better_than_mean": np.array([0.1, 0.12, 0.14, 0.12]),
    "psnr": np.array([20.0, 21.0, 20.0, 21.0]),
    "psnr_mean_colour": np.array([15.0, 15.0, 15.0, 15.0]),
    "ssim": np.full(4, 0.7),
}


def scored(*, picture=8, outlines=(), images=4, **changed):
    encoder = UNetEncoder(widths=(4,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides)
    model, pack = (
        Autoencoder(encoder, decoder, picture_width=picture),
        synthetic_pets(20, 64, seed=0).take(np.arange(images) % 4),
    )
    return ScoredModel(model, pack, "test", {**SCORES, **changed}, 4, torch.device("cpu"), outlines=outlines)


def levels(*ranks):
    return [Level(2**i, 128, rank, None) for i, rank in enumerate(ranks)]


def test_the_task_comes_first_and_pixels_last_beside_their_chance_level():
    assert sentences(scored(), levels(90, 23.1), {}) == [
        "At its task it is 12.0 % better than guessing the mean (4 test images).",
        "Its coarsest map varies in 23.1 of 128 directions.",
        "Its pictures, a by-product, have 20.50 dB; mean colours alone 15.00 dB.",
    ]
    first, *_, last = tiles(scored(), levels(90, 23.1), {})
    assert first.value == "12.0 %"
    assert "by-product" in last.name
    assert "15.00 dB" in last.detail


def test_a_task_that_is_not_surely_learnt_is_no_better_than_guessing():
    said = sentences(scored(better_than_mean=np.array([0.1, -0.1, 0.02, 0.01])), [], {})
    assert said[0].startswith("At its task it is no better than guessing the mean (+0.8 %")
    assert "5.0 % worse than" in sentences(scored(better_than_mean=np.full(4, -0.05)), [], {})[0]


def test_outlines_are_told_by_their_iou_and_not_by_pixels():
    told = " ".join(sentences(scored(outlines=[Outlines(0.712, "the pseudo-masks of 4 validation images")]), [], {}))
    assert "IoU of 0.712 with the pseudo-masks of 4 validation images" in told
    assert "dB" not in told


@pytest.mark.parametrize(
    ("without", "told"), [(13.0, "no more than mean colours"), (17.0, "2.00 dB above mean colours")]
)
def test_the_coarsest_map_alone_is_measured_by_mean_colours(without, told):
    said = sentences(scored(picture=0, psnr_no_skips=np.full(4, without)), [], {})
    assert told in said[-1]
    assert "by-product" not in " ".join(said)


def test_an_alarm_names_the_coarse_maps_that_collapsed():
    assert alarms(scored(images=500), levels(1.0, 90, 60, 23)) == []
    collapsed = alarms(scored(images=500), levels(90, 90, 60, 1.4))
    assert collapsed == ["The map of stride 8 has collapsed: it varies in 1.4 of 128 directions"]
    assert len(alarms(scored(images=500), levels(90, 90, 2.3, 1.4))) == 2


def test_a_task_without_any_gain_over_guessing_is_an_alarm():
    assert alarms(scored(better_than_mean=np.full(4, -0.05)), levels(90, 90)) == [UNTAUGHT]
    assert alarms(scored(better_than_mean=np.array([0.1, -0.08, 0.02, 0.01])), levels(90, 90)) == []


def test_few_images_are_no_alarm_of_a_map_with_many_channels():
    wide = [Level(32, 1280, 19.4, None)]
    assert alarms(scored(images=14), wide) == []
    assert len(alarms(scored(images=1280), wide)) == 1
