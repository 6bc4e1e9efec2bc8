"""`transfer.main --folds` where something is in the way: a fold that diverges, an old run, images that do not do."""

import csv
import math
import re
import shutil

import numpy as np
import pytest
from datasets import photo, write_images_masks, write_tree
from run_checks import metrics, power_cut
from tiny import FOLDS

from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer
from transfer.phase import Transfer


@pytest.fixture
def done(three_folds, tmp_path):
    """A finished cross-validation in two folds."""
    assert transfer([*three_folds, "--folds", "2", "--output_dir", "cv"]) == 0
    return tmp_path / "cv"


@pytest.fixture
def _fold_2_diverges(monkeypatch):
    """The loss of fold 2 is not a number at the rate that it begins with."""
    step = Transfer.step

    def broken(self, batch):
        terms = step(self, batch)
        fast = self.config.data.fold == 2 and self.config.training.lr > 0.001
        return {**terms, "loss": terms["loss"] * math.nan} if fast else terms

    monkeypatch.setattr(Transfer, "step", broken)


def finished(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("fold_*/run.json")}


@pytest.mark.usefixtures("_fold_2_diverges")
def test_a_cross_validation_of_which_a_fold_diverged_goes_on_as_is_said_and_tells_what_differed(
    three_folds, tmp_path, capsys
):
    assert transfer([*three_folds, "--report", "--output_dir", "cv"]) == 2
    assert "go on with --resume --output_dir cv and one of --lr 0.0003" in capsys.readouterr().err.replace("\n  ", " ")
    before = finished(tmp_path / "cv")
    assert transfer(["--resume", "--lr", "0.0003", "--batch_size", "3", "--output_dir", "cv"]) == 2
    assert "with other settings (--batch_size was 2, is 3)" in capsys.readouterr().err
    assert transfer(["--resume", "--lr", "0.0003", "--output_dir", "cv"]) == 0
    assert finished(tmp_path / "cv")["fold_1"] == before["fold_1"]
    with (tmp_path / "cv/folds.csv").open(encoding="utf-8") as file:
        assert [row["lr"] for row in csv.DictReader(file)] == ["0.003", "0.0003", "0.0003"]
    unlike, changed = metrics(tmp_path / "cv")["warnings"][-2:]
    assert unlike == "UNEQUAL TRAININGS: folds differ in --lr (fold 1 0.003, fold 2 0.0003, fold 3 0.0003)"
    assert changed == "fold 2: Resumed where a number was not finite, and --lr was 0.003, is 0.0003"
    page = (tmp_path / "cv/report.html").read_text(encoding="utf-8")
    assert unlike in page
    assert changed in page


@pytest.mark.usefixtures("_fold_2_diverges")
def test_a_fold_that_went_on_by_itself_counts_in_the_whole(three_folds, tmp_path, capsys):
    assert transfer([*three_folds, "--output_dir", "cv"]) == 2
    assert transfer(["--resume", "--lr", "0.0003", "--output_dir", "cv/fold_2"]) == 0
    assert transfer(["--resume", "--lr", "0.0003", "--output_dir", "cv"]) == 2
    assert "with other settings (--lr was 0.003, is 0.0003)" in capsys.readouterr().err
    assert transfer(["--resume", "--output_dir", "cv"]) == 0
    assert "(fold 1 0.003, fold 2 0.0003, fold 3 0.003)" in capsys.readouterr().out


def test_overwriting_stays_beside_what_no_run_wrote_in_a_fold(three_folds, done):
    assert evaluate(["--model_path", "cv/fold_2", "--no_report"]) == 0
    before, kept = finished(done), done / "fold_2/evaluation-test/metrics.json"
    with power_cut(after=1):
        transfer([*three_folds, "--folds", "2", "--overwrite", "--output_dir", "cv"])
    assert not (done / "metrics.json").exists()
    assert transfer(["--resume", "--output_dir", "cv"]) == 0
    assert not finished(done).items() & before.items()
    assert kept.exists()


def test_what_refuses_to_train_refuses_before_an_old_cross_validation_is_overwritten(three_folds, done, capsys):
    (done / "fold_3").mkdir()
    (done / "fold_3/thesis.txt").touch()
    before = sorted(done.rglob("*"))
    for flags, said in [
        (["--folds", "3"], "fold_3 holds thesis.txt, which no run wrote"),
        (["--folds", "2", "--pretrained_encoder", "none.pth"], "none.pth"),
    ]:
        assert transfer([*three_folds, *flags, "--overwrite", "--output_dir", "cv"]) == 2
        assert said in capsys.readouterr().err
        assert sorted(done.rglob("*")) == before


def test_a_part_of_a_fold_without_a_labelled_pixel_is_refused_before_anything_is_trained(tmp_path, capsys):
    data = write_images_masks(tmp_path / "data", 4)
    write_tree(data, {"masks/002.png": np.full((40, 50), 7, np.uint8)})
    (tmp_path / "classes.yaml").write_text("names: [background, foreground]\nvalues: {0: 0, 255: 1, 7: ignore}\n")
    flags = ["--data_dir", str(data), "--classes", "classes.yaml", "--output_dir", "cv"]
    assert transfer([*FOLDS, *flags, "--folds", "4"]) == 2
    said = capsys.readouterr().err.replace("\n  ", " ")
    assert re.search(r"data, fold \d of 4: 1 (val|test) mask ignores every pixel, and that part has no other", said)
    assert not (tmp_path / "cv").exists()


def test_photographs_that_any_fold_tests_are_refused_before_anything_is_trained(three_folds, nine, tmp_path, capsys):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number in range(9):
        shutil.copy(nine / f"images/{number:03}.jpg", photographs)
    write_tree(photographs, {f"other_{i}.png": photo(500 + i) for i in range(12)})
    flags = ["--unlabelled_dir", "photographs", "--pool_batch_size", "2", "--output_dir", "cv"]
    assert transfer([*three_folds, *flags]) == 2
    said = capsys.readouterr().err.replace("\n  ", " ")
    assert re.search(r"photographs holds [789] test images of .*: move them out of .*, or add --leave_out_tests", said)
    assert transfer([*three_folds, *flags, "--leave_out_tests", "--pool_batch_size", "17"]) == 2
    assert "--pool_batch_size is 17" in capsys.readouterr().err
    assert transfer([*three_folds, *flags, "--vote", "image"]) == 2
    assert "--vote pixel" in capsys.readouterr().err
    assert not (tmp_path / "cv").exists()
    assert transfer([*three_folds, *flags, "--leave_out_tests"]) == 0
