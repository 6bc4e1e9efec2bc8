"""`--unlabelled_dir`: photographs without masks, from which phase 2 learns beside the masks."""

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import photo, square_mask, write_folder, write_images_masks, write_tree
from PIL import Image
from run_checks import power_cut, refusal, same, weights
from tiny import SYNTHETIC, THIN, TINY

from common.engine.budget import settled
from common.tensor_files import load_tensors
from transfer.config import TransferConfig
from transfer.main import main as transfer
from transfer.pool.config import PoolConfig
from transfer.study.__main__ import main as study

POOL = [*THIN, "--pool_batch_size", "4", "--updates", "8", "--epochs", "4"]
SEEN = ["--pool_threshold", "0.51"]
"""So that even a network that knows nothing yet is sure of some pixels."""


@pytest.fixture
def photographs(tmp_path):
    return write_folder(tmp_path / "photographs", 40)


def rows(run):
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_network_learns_from_photographs_too_and_the_records_say_so(photographs, tmp_path, capsys):
    words = [*POOL, *SEEN, *SYNTHETIC, "--report", "--unlabelled_dir", str(photographs), "--output_dir", "run"]
    assert transfer(words) == 0
    said = capsys.readouterr()
    assert "37 photographs" in said.err.replace("\n  ", " ")
    assert re.search(r"loss [\d.]+  val [\d.]+  mean IoU of both 0.\d+", said.err)
    table = rows(tmp_path / "run")
    assert float(table[-1]["train/pool_used"]) > 0
    assert float(table[-1]["train/pool"]) > 0
    better = max(float(table[-1]["val/student_mean_iou"]), float(table[-1]["val/teacher_mean_iou"]))
    assert float(table[-1]["val/mean_iou"]) == better
    record = json.loads((tmp_path / "run/data.json").read_text())
    assert len(record["unlabelled"]) == 37
    file = load_tensors(tmp_path / "run/best.pth")
    assert len(file["provenance"]["photographs"]) == 37
    page = (tmp_path / "run/report.html").read_text()
    assert "37 photographs" in page
    assert "Photographs used" in page
    assert "what is learnt" in page


def test_a_resumed_run_with_photographs_equals_one_that_never_stopped_bit_for_bit(photographs, ae, tmp_path):
    words = [*TINY, "--pool_batch_size", "4", "--updates", "8", "--epochs", "4", *SEEN, *SYNTHETIC]
    words += ["--unlabelled_dir", str(photographs), "--pretrained_encoder", str(ae)]
    assert transfer([*words, "--output_dir", "whole"]) == 0
    with power_cut(after=2):
        transfer([*words, "--output_dir", "parts"])
    assert transfer(["--resume", "--output_dir", "parts"]) == 0
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")


def test_updates_that_are_timed_before_the_first_epoch_are_not_counted_in_it(photographs, tmp_path):
    words = [*THIN, "--pool_batch_size", "4", "--minutes", "0.02", "--epochs", "8", *SEEN, *SYNTHETIC]
    assert transfer([*words, "--unlabelled_dir", str(photographs), "--output_dir", "run"]) == 0
    first, *_, last = rows(tmp_path / "run")
    assert not first["train/pool_used"]
    assert float(last["train/pool_used"]) > 0


def test_patience_begins_when_the_photographs_count_in_full(photographs, tmp_path):
    words = [*THIN, "--pool_batch_size", "4", "--updates", "16", "--epochs", "16", "--lr", "1e-9", "--patience", "2"]
    assert transfer([*words, *SYNTHETIC, "--unlabelled_dir", str(photographs), "--output_dir", "run"]) == 0
    assert len(rows(tmp_path / "run")) > 4


def test_photographs_change_what_is_learnt_from_the_first_update_that_they_are_part_of(photographs, tmp_path):
    words = [*POOL, *SEEN, *SYNTHETIC]
    assert transfer([*words, "--output_dir", "masks"]) == 0
    assert transfer([*words, "--unlabelled_dir", str(photographs), "--output_dir", "both"]) == 0
    ours, theirs = weights(tmp_path / "both"), weights(tmp_path / "masks")
    assert not same(ours["model"], theirs["model"])


def test_a_training_with_photographs_is_long_enough_for_them_where_no_length_is_told():
    told = settled(TransferConfig().training, 14)
    least = PoolConfig(unlabelled_dir=Path("photographs")).least_updates
    longer = settled(TransferConfig().training, 14, least=least)
    assert sum(told.updates) == 109
    assert sum(longer.updates) == 400
    assert sum(settled(replace(TransferConfig().training, updates=(50,)), 14, least=400).updates) == 50


def test_photographs_that_are_test_images_are_refused_by_name(tmp_path, capsys):
    data = write_images_masks(tmp_path / "data", 40)
    shutil.copytree(data / "images", tmp_path / "photographs")
    flags = ["--data_dir", data, "--unlabelled_dir", "photographs", "--output_dir", "run"]
    said = refusal(transfer, [*POOL, *flags], capsys)
    assert "test images" in said
    assert "add --leave_out_tests" in said
    words = [*POOL, *map(str, flags), "--leave_out_tests"]
    assert transfer(words) == 0
    record = json.loads((tmp_path / "run/data.json").read_text())
    tests = {pair.split("/")[0] for pair in record["test"].values()}
    assert tests
    assert not tests & set(record["unlabelled"].values())
    assert {pair.split("/")[0] for pair in record["train"].values()} & set(record["unlabelled"].values())


def test_too_few_photographs_and_none_are_refused(photographs, tmp_path, capsys):
    flags = [*POOL, *SYNTHETIC, "--output_dir", "run", "--unlabelled_dir"]
    assert "--pool_batch_size is 99" in refusal(transfer, [*flags, photographs, "--pool_batch_size", "99"], capsys)
    (tmp_path / "empty").mkdir()
    assert "empty" in refusal(transfer, [*flags, "empty"], capsys)


def test_one_vote_an_image_is_refused_where_images_show_several_classes(photographs, tmp_path, capsys):
    both = square_mask(1)
    both[:10] = 2
    files = {f"masks/{i:03}.png": both for i in range(20)} | {f"images/{i:03}.jpg": photo(i) for i in range(20)}
    data, classes = write_tree(tmp_path / "data", files), tmp_path / "classes.yaml"
    classes.write_text("names: [background, cat, dog]\nvalues: {0: 0, 1: 1, 2: 2}\n")
    flags = ["--data_dir", data, "--classes", classes, "--unlabelled_dir", photographs, "--output_dir", "run"]
    assert "--vote pixel" in refusal(transfer, [*POOL, *flags, "--vote", "image"], capsys)


def test_an_average_of_its_own_excludes_that_of_the_teacher(photographs, capsys):
    flags = [*POOL, *SYNTHETIC, "--unlabelled_dir", photographs, "--ema", "0.9", "--output_dir", "run"]
    assert "leave --ema out" in refusal(transfer, flags, capsys)


def test_a_study_compares_starts_with_photographs_and_without(photographs, tmp_path, capsys):
    budget = ["--updates", "4", "--validations", "2", "--seeds", "1", "--label_fractions", "1.0", "--no_double_budget"]
    rates = ["--lrs", "0.003", "--encoder_lr_factors", "0.3", "--synthetic_count", "40", *SEEN]
    starts = ["--initialisations", "scratch", "scratch+pool", "--output_dir", "study"]
    words = [*TINY, *budget, *rates, *starts]
    assert "give both, or neither" in refusal(study, words, capsys)
    assert study([*words, "--pool_batch_size", "4", "--unlabelled_dir", str(photographs)]) == 0
    text = (tmp_path / "study/study.md").read_text()
    assert "scratch+pool also learns from 37 photographs without masks: an update sees 4 of them" in text
    assert "- scratch+pool against scratch: " in text
    trials = {path.parent.name: json.loads(path.read_text()) for path in (tmp_path / "study").glob("cells/*/cell.json")}
    assert sorted("photographs" in record for record in trials.values()) == [False, True]


def test_photographs_that_are_nearly_test_images_are_told_by_name(tmp_path, capsys):
    data, photographs = write_images_masks(tmp_path / "data", 40), tmp_path / "photographs"
    photographs.mkdir()
    for number in range(40):  # saved again, so that its bytes are others
        with Image.open(data / f"images/{number:03}.jpg") as image:
            image.save(photographs / f"again_{number:03}.jpg", quality=80)
    flags = ["--data_dir", str(data), "--unlabelled_dir", str(photographs), "--output_dir", "run"]
    assert transfer([*POOL, *flags]) == 0
    said = capsys.readouterr().err.replace("\n  ", " ")
    record = json.loads((tmp_path / "run/data.json").read_text())
    both = {f"again_{key}" for key in record["test"]} & record["unlabelled"].keys()
    assert f"LEAK: nearly equal to a test image: {len(both)} photographs (again_" in said


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(["--fit", "crop"], id="crops of images at their own size"),
        pytest.param(["--fit", "pad"], id="padded images"),
        pytest.param(["--channels", "1", "--one_logit"], id="grey images, one output"),
        pytest.param(["--accumulate", "2", "--vote", "pixel"], id="several batches an update"),
        pytest.param(["--folds", "2", "--fold", "2"], id="cross-validation"),
    ],
)
def test_photographs_go_with_the_other_settings(flags, tmp_path):
    data = write_images_masks(tmp_path / "data", 20)
    photographs = write_tree(tmp_path / "photographs", {f"{i}.png": photo(500 + i, height=70) for i in range(12)})
    words = [*POOL, *SEEN, "--classes", "binary", "--unlabelled_dir", str(photographs), "--output_dir", "run"]
    assert transfer([*words, "--data_dir", str(data), *flags]) == 0
    assert float(rows(tmp_path / "run")[-1]["train/pool_used"]) > 0
