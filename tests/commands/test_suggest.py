"""`transfer.suggest`: what it writes, what it leaves out, and how it refuses."""

import csv
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import photo, write_images_masks, write_tree
from PIL import Image
from run_checks import refusal
from tiny import THIN

from common.data.known import file_digest
from common.files import read_json
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import load_handover, save_handover
from common.run.input import Input
from common.run.records import SegmentationRecord
from tests.records import segmentation_handover
from transfer.main import main as transfer
from transfer.model import SegmentationNet
from transfer.predict.__main__ import main as predict
from transfer.suggest.__main__ import main as suggest


def network(path, *, seed=0, classes=("background", "cat", "dog"), images=None, widths=(4, 4, 6, 6, 8, 8)):
    """The file of a network for images of 64 x 64 pixels that has learnt nothing."""
    torch.manual_seed(seed)
    encoder = UNetEncoder(widths=widths, norm="batch", dropout=(0.0,) * len(widths))
    decoder = UNetDecoder(encoder.channels, encoder.strides, dropout=(0.0,) * (len(widths) - 1))
    net = SegmentationNet(encoder, decoder, num_classes=len(classes))
    handover = segmentation_handover(net, SegmentationRecord(classes))
    gone = replace(handover.provenance, config={"data_dir": "nowhere"})  # else it had learnt from the embedded pets
    save_handover(replace(handover, input=images or handover.input, provenance=gone), path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A training on twenty images with masks."""
    folder = tmp_path_factory.mktemp("trained")
    write_images_masks(folder / "data", 20)
    words = ["--data_dir", str(folder / "data"), "--output_dir", str(folder / "seg"), "--epochs", "1"]
    assert transfer([*THIN, *words, "--fit", "squash"]) == 0
    return folder


def photographs(root, count=9):
    """Photographs that no training has seen."""
    return write_tree(root, {f"deep/{i}.jpg": photo(100 + i, height=40 + i, width=60) for i in range(count)})


def table(folder):
    with (Path(folder) / "suggestions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def call(*words):
    return suggest([*map(str, words), "--device", "cpu"])


def test_suggestions_are_copied_with_drafts_reasons_a_sheet_and_a_page(run, tmp_path, capsys, monkeypatch):
    images = photographs(tmp_path / "in")
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.setattr(sys, "argv", ["/bin/recon2seg", "suggest", "--count", "3"])
    assert call("--model_path", run / "seg", "--input", images, "--output", "out", "--count", 3) == 0
    rows = table("out")
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    for row in rows:
        copy = Path("out/images") / f"{row['image']}.jpg"
        assert copy.read_bytes() == (images / f"{row['image']}.jpg").read_bytes()
        assert row["nearest"]
        assert f"nearest to it is {row['nearest']}, at" in row["reason"]
        with Image.open(f"out/drafts/{row['image']}.png") as draft, Image.open(copy) as image:
            assert draft.mode == "P"
            assert draft.size == image.size
            assert np.asarray(draft).max() < 2
    assert {path.name for path in Path("out").iterdir()} >= {"contact_sheet.png", "report.html", "classes.json"}
    assert read_json(Path("out/classes.json"))["background"] == "background"
    assert "recon2seg suggest --count 3" in Path("out/report.html").read_text("utf-8")
    told = " ".join(capsys.readouterr().out.split())
    assert "3 images of 9 to label next" in told
    assert "next: python -m transfer.main" in told
    assert "--fit squash" in told


def test_images_that_are_labelled_already_are_left_out_aloud(run, tmp_path, capsys):
    images = photographs(tmp_path / "in", 4)
    shutil.copy(run / "data/images/003.jpg", images / "again.jpg")
    assert call("--model_path", run / "seg", "--input", images, "--output", "out", "--count", 9) == 0
    assert "again" not in {row["image"] for row in table("out")}
    said = capsys.readouterr()
    told = " ".join((said.out + said.err).split())
    assert "left out, because they are labelled already: 1 image" in told
    assert "only 4 different pictures" in told
    assert call("--model_path", run / "seg", "--input", run / "data/images", "--output", "none") == 2


def test_equal_calls_suggest_the_same_in_the_same_order(run, tmp_path):
    images = photographs(tmp_path / "in")
    for output, size in (("a", 1), ("b", 4)):
        words = ["--model_path", run / "seg", "--input", images, "--output", output, "--count", 4, "--batch_size", size]
        assert call(*words) == 0
    assert [row["image"] for row in table("a")] == [row["image"] for row in table("b")]


def test_a_committee_ranks_by_what_its_networks_disagree_on(tmp_path):
    images, first = photographs(tmp_path / "in"), network(tmp_path / "best.pth")
    shutil.copy(first, tmp_path / "same.pth")
    alike = ["--input", images, "--count", 3, "--model_path", first]
    assert call(*alike, tmp_path / "same.pth", "--output", "same") == 0
    assert {row["uncertainty"] for row in table("same")} == {"0.0000"}
    assert call(*alike, network(tmp_path / "other.pth", seed=1), "--output", "other") == 0
    assert float(table("other")[0]["uncertainty"]) > 0


def test_a_network_that_takes_images_at_their_own_size_suggests_too(tmp_path):
    images = photographs(tmp_path / "in", 3)
    model = network(tmp_path / "best.pth", images=Input(64, fit="crop"))
    assert call("--model_path", model, "--input", images, "--output", "out", "--count", 2) == 0
    assert len(table("out")) == 2
    assert load_handover(model, kind="segmentation").input.fit == "crop"


def test_another_call_is_refused_without_overwrite_and_the_same_one_replaces_its_files(run, tmp_path, capsys):
    images, others = photographs(tmp_path / "in"), photographs(tmp_path / "others", 2)
    words = ["--model_path", run / "seg", "--output", "out"]
    assert call(*words, "--input", images, "--count", 5) == 0
    assert call(*words, "--input", images, "--count", 2) == 0
    assert len(list(Path("out/images").rglob("*.jpg"))) == 2
    assert "use another --output, or --overwrite" in refusal(suggest, [*words, "--input", others], capsys)
    assert call(*words, "--input", others, "--overwrite", "--no_drafts") == 0
    assert not list(Path("out/drafts").rglob("*.png"))


def test_what_a_call_that_was_stopped_had_copied_is_removed_by_the_next_one(tmp_path):
    images, model = photographs(tmp_path / "in"), network(tmp_path / "best.pth")
    words = ["--model_path", model, "--input", images, "--output", "out"]
    Path("out/classes.json").mkdir(parents=True)  # which is written after copies and drafts
    assert call(*words, "--count", 5) == 2
    assert len(list(Path("out/images").rglob("*.jpg"))) == 5
    Path("out/classes.json").rmdir()
    assert call(*words, "--count", 2) == 0
    assert len(list(Path("out/images").rglob("*.jpg"))) == len(list(Path("out/drafts").rglob("*.png"))) == 2


def test_corrected_drafts_and_images_of_ones_own_are_not_replaced(tmp_path, capsys):
    images, model = photographs(tmp_path / "in", 2), network(tmp_path / "best.pth")
    words = ["--model_path", model, "--input", images, "--output", "out"]
    assert call(*words) == 0
    draft = Path("out/drafts/deep/0.png")
    assert call(*words) == 0, "nothing was changed"
    Image.new("P", (60, 40), 1).save(draft)
    corrected = draft.read_bytes()
    assert "holds drafts that were changed since: drafts/deep/0.png; use another" in refusal(suggest, words, capsys)
    assert draft.read_bytes() == corrected
    assert call(*words, "--overwrite") == 0
    network(model, seed=1)
    assert "holds suggestions of another training of" in refusal(suggest, words, capsys)
    write_images_masks(tmp_path / "labelled", 4)
    mine = [*words[:-1], "labelled"]
    assert "holds images/ of no such call; use another --output" in refusal(suggest, mine, capsys)
    assert not Path("labelled/suggest.json").exists()


def test_networks_of_other_classes_are_no_committee(tmp_path, capsys):
    images, first = photographs(tmp_path / "in", 2), network(tmp_path / "best.pth")
    other = network(tmp_path / "other.pth", classes=("background", "leaf"))
    words = ["--model_path", first, other, "--input", images, "--output", "out"]
    assert "cannot be averaged: the classes of the one are" in refusal(suggest, words, capsys)


def test_networks_that_scale_16_bits_in_other_ways_are_no_committee(tmp_path, capsys):
    images = photographs(tmp_path / "in", 2)
    files = [
        network(tmp_path / f"{most:g}.pth", images=Input(64, fit="squash", depth=(0.0, most))) for most in (4095, 1000)
    ]
    for command in (suggest, predict):
        words = ["--model_path", *files, "--input", images, "--output", "out"]
        assert "the values of the one are 0 to 4095, of more than 8 bits" in refusal(command, words, capsys)


def test_a_picture_that_validates_or_tests_is_none_to_label_though_it_was_saved_again(run, tmp_path):
    images, trained = photographs(tmp_path / "in", 2), load_handover(run / "seg/best.pth", kind="segmentation")
    known = trained.provenance.train_images
    others = [path for path in (run / "data/images").iterdir() if file_digest(path) not in known]
    assert len(others) == 7
    for path in others:
        with Image.open(path) as image:
            image.resize((100, 80), Image.Resampling.BICUBIC).save(images / f"{path.stem}.png")
    assert call("--model_path", run / "seg", "--input", images, "--output", "out") == 0
    assert sorted(row["image"] for row in table("out")) == ["deep/0", "deep/1"]


def test_images_of_which_none_can_be_read_but_the_labelled_ones_are_refused_in_a_sentence(run, tmp_path, capsys):
    shutil.copytree(run / "data/images", tmp_path / "in")
    (tmp_path / "in/broken.jpg").write_text("no image")
    words = ["--model_path", run / "seg", "--input", tmp_path / "in", "--output", "out"]
    assert "of 1 image none can be read; check --input" in refusal(suggest, words, capsys)


def test_networks_of_other_strides_look_through_the_same_windows(tmp_path):
    images = write_tree(tmp_path / "in", {f"{i}.png": photo(i, height=70, width=1100) for i in range(2)})
    files = [
        network(tmp_path / f"{len(widths)}.pth", widths=widths, images=Input(64, fit="crop"))
        for widths in ((4, 4, 6), (4, 4, 6, 6, 8, 8))
    ]
    assert call("--model_path", *files, "--input", images, "--output", "out", "--count", 2) == 0
    assert len(table("out")) == 2
