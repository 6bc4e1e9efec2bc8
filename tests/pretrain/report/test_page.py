"""The page of phase 1, of one image and of several, of every pretext."""

import json
import re

import numpy as np
import pytest
import torch

from common.data.synthetic.pets import synthetic_pets
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.report.run_info import RunInfo
from common.run.checkpoint import AutoencoderHandover
from common.run.records import Input, Provenance
from pretrain.config import PretextConfig, PretrainConfig
from pretrain.model import Autoencoder
from pretrain.record import task_record
from pretrain.report.page import write_page
from pretrain.report.scored_model import Level, score_model

CPU = torch.device("cpu")
ROWS = [{"epoch": 1.0, "train/loss": 1.0, "val/psnr": 10.0, "val/probe/miou": 0.25, "val/probe/miou_s1": 0.2}]
WHOLE = ["Pictures", "Scores", "Levels", "Features", "Training", "How to repeat it"]
LEVELS = [Level(stride=1, channels=4, rank=2.0, probe_miou=None)]


def written(folder, count, *, pretext="plain", skips="all", rows=ROWS, best=1):
    """The page of an autoencoder that has learnt nothing, as text, its sections, and its scores."""
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6)
    model = Autoencoder(encoder, UNetDecoder(encoder.channels, encoder.strides, skips=skips)).eval()
    pack = synthetic_pets(20, 64, seed=0).take(np.arange(count))
    scored = score_model(model, pack, "test", batch_size=4, device=CPU, names=("ground", "cat", "dog"))
    config = PretrainConfig(pretext=PretextConfig(pretext=pretext, skips=skips))
    origin = Provenance(config={}, environment={"command": "python"}, validation={"epoch": best})
    file = AutoencoderHandover(
        sections={}, architecture={}, input=Input(64), task=task_record(config), provenance=origin
    )
    info = RunInfo(config=config, handover=file, data="pets", packs={"test": pack}, rows=rows)
    content = write_page(scored, info, folder / "report.html", levels=LEVELS).read_text(encoding="utf-8")
    return content, re.findall(r"<h2>(.*?)</h2>", content), scored.scores


def gallery(content):
    return json.loads(re.search(r'data-part="gallery".*?<script[^>]*>(.*?)</script>', content, re.S)[1])


@pytest.mark.parametrize("pretext", ["plain", "denoise", "mask", "restore"])
def test_a_page_shows_every_picture_with_its_score_and_the_task_of_its_pretext(pretext, tmp_path):
    content, sections, scores = written(tmp_path, 5, pretext=pretext)
    assert sections == WHOLE
    assert "Nothing to show" not in content
    found = gallery(content)
    for item in found["items"]:
        assert item["sort"]["psnr"] == scores["psnr"][int(item["id"])]
        assert item["sort"]["carried"] == pytest.approx(item["sort"]["psnr"] - item["sort"]["psnr_no_skips"])
    layers = {layer["key"] for layer in found["layers"]}
    assert layers >= {"reconstruction", "error", "no_skips"}
    assert ({"seen", "rebuilt", "task_error"} <= layers) == (pretext != "plain")
    assert "reaches a mean IoU of 0.250" in content


def test_a_network_without_skips_has_no_figures_of_them(tmp_path):
    content, sections, _ = written(tmp_path, 4, skips="none")
    assert sections == WHOLE
    assert "Skip dependence" not in content
    assert "no_skips" not in {layer["key"] for layer in gallery(content)["layers"]}


def test_the_probe_on_a_page_is_that_of_the_epoch_whose_weights_were_kept(tmp_path):
    rows = [{"epoch": e, "val/probe/miou": e / 10, "val/probe/miou_s1": e / 20} for e in (1.0, 2.0, 4.0)]
    content, *_ = written(tmp_path, 4, rows=rows, best=3)
    assert "reaches a mean IoU of 0.200 (validation images, epoch 2)" in content
    assert content.count(">0.100<") == 1
    assert "0.400" not in content.split("<h2>Training")[0]


def test_one_image_still_gives_a_page(tmp_path):
    content, sections, _ = written(tmp_path, 1)
    assert sections == WHOLE
    assert "a map needs at least 3 images" in content
    assert "1 test image" in content
