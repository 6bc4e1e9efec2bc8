"""The page of phase 2 for networks and images that leave hardly anything to show."""

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import write_images_masks
from tiny import SYNTHETIC, THIN

from common.config.load import flatten
from common.data.synthetic.pets import synthetic_pets
from common.embedding import Description
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.report.run_info import RunInfo
from common.rows import Row
from common.run.checkpoint import SegmentationHandover
from common.run.input import Input
from common.run.records import Receipt, SegmentationProvenance, SegmentationRecord
from transfer.config import TransferConfig
from transfer.main import main as transfer
from transfer.model import SegmentationNet
from transfer.report.page import Before, write_page
from transfer.report.reliability import calibration_record
from transfer.report.scored_model import score_model
from transfer.report.scores import panel_colours, panels
from transfer.scoring import score_network
from transfer.segmenter import Segmenter

NAMES = ("background", "cat", "dog")
RECORD = SegmentationRecord(NAMES)
CPU = torch.device("cpu")
RECEIPT = Receipt(
    source="scratch", parts=("encoder",), tensors=1, loaded=0, part_parameters=1, parameters=2, frozen_epochs=0,
    epochs=2, lr_factor=1.0,
)  # fmt: skip
ROWS: list[Row] = [
    {"epoch": float(i), "train/loss": 1 / i, "val/mean_iou": 0.1 * i, "val/iou_cat": 0.1} for i in (1, 2)
]


def network(*, silent=None):
    """A U-Net that has learnt nothing; `silent`: a class that it never says."""
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6)
    net = SegmentationNet(encoder, UNetDecoder(encoder.channels, encoder.strides), num_classes=3)
    if silent is not None:
        with torch.no_grad():
            dict(net.head.named_parameters())["bias"][silent] = -100
    return net.eval()


def pets(count):
    return synthetic_pets(20, 64, seed=0).take(np.arange(count))


def written(folder, pack, net=None, record=RECORD, evaluation="", before=None, rows=ROWS):
    """The page of a network on these images, as text, and its sections."""
    origin = SegmentationProvenance(
        config={}, environment={"command": "python"}, validation={"epoch": 2}, encoder=RECEIPT
    )
    file = SegmentationHandover(sections={}, architecture={}, input=Input(64), task=record, provenance=origin)
    scored = scored_by(Segmenter(net or network(), file, CPU), pack)
    config = replace(TransferConfig(), training=replace(TransferConfig().training, epochs=10))
    packs, step = {"test": pack}, "python -m transfer.predict"
    info = RunInfo(
        config=config, handover=file, data="pets", packs=packs, rows=rows, evaluation=evaluation, next=[step]
    )
    content = write_page(scored, info, folder / "report.html", before=Before(before)).read_text(encoding="utf-8")
    return content, re.findall(r"<h2>(.*?)</h2>", content)


def scored_by(model, pack):
    return score_model(model, pack, "test", batch_size=4, quality=True, description=Description(np.arange(len(pack))))


def gallery(content):
    return json.loads(re.search(r'data-part="gallery".*?<script[^>]*>(.*?)</script>', content, re.S)[1])


WHOLE = ["Images", "Scores", "Confidence", "Features", "Training", "How to repeat it"]


def test_a_page_has_all_sections_and_layers(tmp_path):
    content, sections = written(tmp_path, pets(6), before=network().encoder)
    assert sections == WHOLE
    assert "Nothing to show" not in content
    keys = {layer["key"] for layer in gallery(content)["layers"]}
    assert keys >= {"prediction", "truth", "errors", "entropy", "confidence-0", "confidence-1", "confidence-2"}
    assert any(key.startswith("cam-encoder-") for key in keys)
    assert any(key.startswith("cam-decoder-") for key in keys)
    assert len(gallery(content)["items"]) == 6
    assert len(content) < 2_000_000


def test_the_head_has_the_score_a_constant_guess_and_how_the_training_ended(tmp_path):
    content, _ = written(tmp_path, pets(3), rows=[*ROWS, {**ROWS[1], "epoch": 3.0}])
    head = content.partition("</header>")[0]
    assert re.search(r"Mean IoU 0\.\d{3} on 3 test images .*\. Guessing background for every pixel has mean IoU", head)
    assert "Training stopped after 3 of 10 epochs; epoch 2 is the best and is kept." in head
    assert 'next: <code dir="ltr">python -m transfer.predict</code>' in head
    assert "Validation stopped improving at epoch 2 of 3." in content


def test_a_page_costs_no_further_pass_of_the_encoder_over_all_images(tmp_path):
    net, before, images = network(), network().encoder, {"after": 0, "before": 0}
    for name, encoder in (("after", net.encoder), ("before", before)):
        encoder.register_forward_hook(
            lambda _encoder, inputs, _maps, name=name: images.update({name: images[name] + len(inputs[0])})
        )
    written(tmp_path, pets(6), net, before=before)
    scored, gallery_, checked, sheet, layers = 6, 6, 4, 6, 2
    assert images["before"] == 6
    assert images["after"] == scored + gallery_ + checked + sheet + layers


def test_a_page_says_how_alike_activation_maps_are_to_those_of_networks_that_have_learnt_nothing(tmp_path):
    content, _ = written(tmp_path, pets(3))
    found = re.search(r"untrained networks, over a few images: encoder (\S+) \((\S+) by chance\)", content)
    assert found is not None
    assert all(0 <= float(share) <= 1 for share in found.groups())
    notes = [layer["note"] for layer in gallery(content)["layers"] if layer["key"].startswith("cam-encoder-")]
    assert all("8 x 8 cells" in note for note in notes)


def test_a_page_of_an_evaluation_gives_its_command_beside_that_of_the_training(tmp_path):
    content, _ = written(tmp_path, pets(3), evaluation="python -m transfer.evaluate")
    titles = ["Command of this evaluation", "Command of the training", "Settings of the training"]
    assert all(title in content for title in titles)


def test_a_page_shows_reliability_before_and_after_calibration_and_says_whether_it_helped(tmp_path):
    content, _ = written(tmp_path, pets(8), record=SegmentationRecord(NAMES, temperature=10.0))
    assert "before calibration" in content
    assert "after calibration" in content
    worse = (
        r"Calibration \(temperature 10\.00\) did not lower the calibration error of test images: 0\.\d+ before, 0\.\d+"
    )
    assert re.search(worse, content.partition("</header>")[0])
    plain, _ = written(tmp_path, pets(8))
    assert "before calibration" not in plain
    assert "no temperature was fitted" in plain


def test_a_page_shows_the_scores_that_were_measured(tmp_path):
    pack = pets(6)
    content, _ = written(tmp_path, pack)
    counts = score_network(network(), pack, NAMES, batch_size=4).counts
    for item in gallery(content)["items"]:
        own = counts[int(item["id"])].astype(float)
        union = own.sum(0) + own.sum(1) - own.diagonal()
        iou = own.diagonal()[union > 0] / union[union > 0]
        assert item["sort"]["score"] == pytest.approx(iou.mean())
        assert item["name"] == pack.keys[int(item["id"])]


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_images_still_give_a_page(count, tmp_path):
    content, sections = written(tmp_path, pets(count))
    assert sections == WHOLE
    assert "a map needs at least 3 images" in content
    assert len(gallery(content)["items"]) == count


def unlabelled(pack):
    return replace(pack, masks=np.full_like(pack.masks, 255), class_pixels=np.zeros((len(pack), 3), dtype=np.int64))


def test_lines_of_what_photographs_are_used_as_have_colours_of_their_own():
    lines = [column for column in panels(NAMES)["Photographs used, share of pixels"] if column != "train/pool_used"]
    colours = panel_colours(NAMES)
    assert len({colours[column] for column in lines}) == len(NAMES) + 1


def test_without_a_labelled_pixel_the_calibration_error_is_not_known():
    origin = SegmentationProvenance(config={}, environment={}, validation={"epoch": 2}, encoder=RECEIPT)
    file = SegmentationHandover(sections={}, architecture={}, input=Input(64), task=RECORD, provenance=origin)
    told = calibration_record([scored_by(Segmenter(network(), file, CPU), unlabelled(pets(2)))])
    assert told["expected_calibration_error"] == {"test": {"before": None, "after": None}}


def test_images_without_a_labelled_pixel_still_give_a_page(tmp_path):
    content, sections = written(tmp_path, unlabelled(pets(4)))
    assert sections == WHOLE
    assert "There is nothing to score" in content
    assert {item["badge"] for item in gallery(content)["items"]} == {"IoU -"}


def test_a_class_that_is_never_predicted_and_images_of_one_class_still_give_a_page(tmp_path):
    pack = pets(5)
    ground = replace(pack, masks=np.zeros_like(pack.masks), class_pixels=np.array([[4096, 0, 0]] * 5))
    content, sections = written(tmp_path, ground, network(silent=1))
    assert sections == WHOLE
    assert "Calibration is left out: it is drawn from 8 images on" in content
    assert "not measured on 5 images" in content
    assert "confidence-1" in content
    assert not any("cam-encoder-1" in item["layers"] for item in gallery(content)["items"])


def test_features_that_are_no_numbers_cost_the_scatter_and_nothing_else(tmp_path):
    net = network()
    broken = network().encoder
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    content, sections = written(tmp_path, pets(4), net, before=broken)
    assert sections == WHOLE
    assert "features are not all numbers" in content


def test_hostile_names_of_files_and_classes_go_through_a_run_as_text(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = ["<script>alert(1)<script>", "\"'&<img src=x onerror=alert(1)>", "😀مرحبا", "y" * 240]
    write_images_masks(tmp_path / "data", 40)
    for index, name in enumerate(names):
        (tmp_path / f"data/images/{index:03}.jpg").rename(tmp_path / f"data/images/{name}.jpg")
        (tmp_path / f"data/masks/{index:03}.png").rename(tmp_path / f"data/masks/{name}.png")
    hostile = "</script><b>"
    (tmp_path / "classes.yaml").write_text(
        json.dumps({"names": ["ground & sky", hostile], "values": {"0": 0, "255": 1}}), encoding="utf-8"
    )
    (tmp_path / "data/splits.csv").write_text(
        "stem,split\n" + "".join(
            f'"{path.stem.replace(chr(34), chr(34) * 2)}",{"test" if not path.stem.isdigit() else "train"}\n'
            for path in (tmp_path / "data/images").iterdir()
        ),
        encoding="utf-8",
    )  # fmt: skip
    classes = ["--data_dir", "data", "--classes", "classes.yaml"]
    assert transfer([*THIN, *classes, "--report", "--epochs", "1", "--output_dir", "run"]) == 0
    assert "report: run/report.html" in capsys.readouterr().out.splitlines()
    content = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in content
    assert "<b>" not in content.replace("<b></b>", "")
    shown = gallery(content)
    assert {item["name"] for item in shown["items"]} == set(names)
    assert shown["classes"] == ["ground & sky", hostile]
    assert html.escape(hostile) in content


def test_a_run_without_a_report_writes_no_page_and_draws_no_figure(tmp_path):
    assert transfer([*THIN, *SYNTHETIC, "--epochs", "1", "--output_dir", str(tmp_path / "run")]) == 0
    assert not (tmp_path / "run/report.html").exists()
    assert not any((tmp_path / "run/figures").iterdir())
    assert flatten(TransferConfig())["report"] is True
