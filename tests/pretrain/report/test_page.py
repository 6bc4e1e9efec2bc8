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
from common.run.input import Input
from common.run.records import Provenance
from pretrain.build import build_target, build_tasks
from pretrain.config import PretrainConfig
from pretrain.groups import PretextConfig
from pretrain.model import Autoencoder
from pretrain.record import task_record
from pretrain.report.page import write_page
from pretrain.report.scored_model import Level, score_model

CPU = torch.device("cpu")
ROWS = [{"epoch": 1.0, "train/loss": 1.0, "val/psnr": 10.0, "val/probe/miou": 0.25, "val/probe/miou_s1": 0.2}]
WHOLE = ["Neighbours", "Task", "Pictures", "Scores", "Levels", "Features", "Training", "How to repeat it"]
BY_PRODUCT = ["Neighbours", "Task", "Levels", "Features", "Training", "Pictures, a by-product", "Scores", WHOLE[-1]]
LEVELS = [Level(stride=1, channels=4, rank=2.0, probe_miou=None)]


def written(folder, count, *, pretext="plain", skips="all", rows=ROWS, best=1, picture=0):
    """The page of an autoencoder that has learnt nothing, as text, its sections, and its scores."""
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6)
    config = PretrainConfig(pretext=PretextConfig(pretext=pretext, skips=skips))
    target, decoder = build_target(config), UNetDecoder(encoder.channels, encoder.strides, skips=skips)
    assert target is not None
    model = Autoencoder(encoder, decoder, target_channels=target.channels, picture_width=picture).eval()
    pack = synthetic_pets(20, 64, seed=0).take(np.arange(count))
    scored = score_model(model, pack, "test", batch_size=4, device=CPU, target=target, make_task=build_tasks(config))
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
    assert sections == [title for title in WHOLE if title != "Task" or pretext != "plain"]
    assert "Nothing to show" not in content
    assert ("guessed: " in content) == (pretext != "plain")
    found = gallery(content)
    for item in found["items"]:
        assert item["sort"]["psnr"] == scores["psnr"][int(item["id"])]
        assert item["sort"]["carried"] == pytest.approx(item["sort"]["psnr"] - item["sort"]["psnr_no_skips"])
    layers = {layer["key"] for layer in found["layers"]}
    assert layers >= {"reconstruction", "error", "no_skips"}
    assert "reaches a mean IoU of 0.250" in content


def test_pictures_that_were_not_asked_for_come_last(tmp_path):
    content, sections, _ = written(tmp_path, 5, pretext="mask", picture=8)
    assert sections == BY_PRODUCT
    assert "Nothing to show" not in content
    assert "mean colours alone" in content
    assert gallery(content)["items"]


def test_charts_begin_at_0(tmp_path):
    content, *_ = written(tmp_path, 4)
    axes = re.findall(r'"y":(\{"label"[^}]*\})', content)
    assert axes
    assert all(json.loads(axis)["min"] == 0 or json.loads(axis)["log"] for axis in axes)


def test_a_network_without_skips_has_no_figures_of_them(tmp_path):
    content, sections, _ = written(tmp_path, 4, skips="none")
    assert "Scores" in sections
    assert "Skip dependence" not in content
    assert "no_skips" not in {layer["key"] for layer in gallery(content)["layers"]}


def test_the_probe_on_a_page_is_that_of_the_epoch_whose_weights_were_kept(tmp_path):
    chance = {"val/probe/chance": 0.15}
    rows = [{"epoch": e, "val/probe/miou": e / 10, "val/probe/miou_s1": e / 20, **chance} for e in (1.0, 2.0, 4.0)]
    content, *_ = written(tmp_path, 4, rows=rows, best=3)
    assert "reaches a mean IoU of 0.200 (validation, epoch 2; chance 0.150)" in content
    assert content.count(">0.100<") == 1
    assert "0.400" not in content.split("<h2>Training")[0]


def test_one_image_still_gives_a_page(tmp_path):
    content, sections, _ = written(tmp_path, 1)
    assert sections == [title for title in WHOLE if title != "Task"]
    assert "a map needs at least 3 images" in content
    assert "1 test image" in content
