"""`transfer.main --folds`: trainings one after the other, each image tested once, and one table of all."""

import json
import re
import shutil

import numpy as np
import pytest
import yaml
from datasets import write_images_masks
from run_checks import metrics

from transfer.compare.__main__ import main as compare
from transfer.evaluate.__main__ import main as evaluate
from transfer.gradcam.__main__ import main as gradcam
from transfer.main import main as transfer
from transfer.metrics.scores import Scores
from transfer.predict.__main__ import main as predict
from transfer.scoring import read_images


@pytest.fixture(scope="module")
def done(tmp_path_factory, three_folds):
    """A finished cross-validation."""
    folder = tmp_path_factory.mktemp("runs") / "cv"
    assert transfer([*three_folds, "--output_dir", str(folder)]) == 0
    return folder


@pytest.fixture
def stopped(done, tmp_path):
    """A copy in which the last record is missing, so that it can be resumed."""
    shutil.copytree(done, tmp_path / "cv")
    marker = json.loads((done / "run.json").read_text())
    (tmp_path / "cv/run.json").write_text(json.dumps({**marker, "finished": False}))
    return tmp_path / "cv"


def finished(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("fold_*/run.json")}


def test_every_fold_is_a_run_and_each_image_is_tested_once(done):
    assert sorted(finished(done)) == ["fold_1", "fold_2", "fold_3"]
    assert all(json.loads((done / name / "run.json").read_text())["finished"] for name in finished(done))
    keys = [key for fold in (1, 2, 3) for key in read_images(done / f"fold_{fold}/test_images.npz").keys]
    assert sorted(keys) == [f"{i:03}" for i in range(9)]


def test_the_scores_are_those_of_all_images_together(done):
    pooled = read_images(done / "test_images.npz")
    each = [read_images(done / f"fold_{fold}/test_images.npz").counts for fold in (1, 2, 3)]
    np.testing.assert_array_equal(pooled.counts, np.concatenate(each))
    told = json.loads((done / "metrics.json").read_text())
    assert told["test"]["mean_iou"] == Scores(pooled.counts, ("background", "foreground")).mean_iou
    assert told["folds"] == 3


def test_the_page_shows_every_image_with_its_score_first_and_says_what_the_interval_is_of(stopped):
    assert transfer(["--resume", "--report", "--output_dir", str(stopped)]) == 0
    page = (stopped / "report.html").read_text(encoding="utf-8")
    assert "Nothing to show" not in page
    assert [page.index(f">{title}<") for title in ("Images", "Scores", "Folds")] == sorted(
        page.index(f">{title}<") for title in ("Images", "Scores", "Folds")
    )
    assert all(f'"name":"{i:03}"' in page for i in range(9))
    assert "Folds share training images" in page
    assert "9 images, each tested once, by one of 3 networks" in page


def test_the_page_of_folds_shows_images_that_have_moved_since(stopped, nine, tmp_path):
    moved = shutil.copytree(nine, tmp_path / "moved")
    for settings in stopped.rglob("config.yaml"):
        words = yaml.safe_load(settings.read_text())
        settings.write_text(yaml.safe_dump({**words, "data_dir": str(tmp_path / "gone")}))
    assert transfer(["--resume", "--report", "--data_dir", str(moved), "--output_dir", str(stopped)]) == 0
    assert '"name":"000"' in (stopped / "report.html").read_text(encoding="utf-8")


def test_what_is_said_ends_with_the_next_command(stopped, capsys):
    assert transfer(["--resume", "--output_dir", str(stopped)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "finished before" in line] == [
        f"fold {k} of 3: finished before" for k in (1, 2, 3)
    ]
    assert said[-1].startswith(f"next: python -m transfer.predict --model_path {stopped}/fold_")
    (guess,) = (float(line.split()[-1]) for line in said if line.startswith("Guessing background "))
    worse = metrics(stopped)["test"]["mean_iou"] < guess  # then a longer training comes first
    assert said[-2].startswith(f"next: python -m transfer.main --config {stopped}/config.yaml --updates ") is worse
    assert any(line.startswith("all folds (9 images)") for line in said)
    assert any(line.startswith("Guessing background for every pixel has mean IoU 0.") for line in said)


def test_folds_share_the_minutes_their_notes_and_the_next_command(three_folds, tmp_path, capsys):
    assert transfer([*three_folds, "--epochs", "0", "--minutes", "0.03", "--output_dir", str(tmp_path / "cv")]) == 0
    out, err = capsys.readouterr()
    assert out.count("length: 0.01 minutes, ") == 3
    assert out.count("next: ") == out.count("next: python -m transfer.predict") + out.count("--output_dir runs/longer")
    assert out.count("next: python -m transfer.predict") == 1
    notes = [line for line in err.splitlines() if line.startswith("note: ")]
    assert len(notes) == len(set(notes))


def test_a_cross_validation_that_was_stopped_goes_on_where_it_was(done, stopped, capsys):
    shutil.rmtree(stopped / "fold_3")
    before = finished(stopped)
    assert transfer(["--resume", "--output_dir", str(stopped)]) == 0
    after = finished(stopped)
    assert after.items() > before.items()
    ours, theirs = (read_images(folder / "test_images.npz") for folder in (done, stopped))
    np.testing.assert_array_equal(ours.counts, theirs.counts)
    assert transfer(["--resume", "--output_dir", str(stopped)]) == 0
    assert "is finished: see its metrics.json" in capsys.readouterr().out


def test_where_one_run_is_wanted_a_cross_validation_is_refused_by_the_fold_to_take(done, capsys):
    middle = sorted((metrics(done / f"fold_{k}")["test"]["mean_iou"], f"fold_{k}") for k in (1, 2, 3))[1][1]
    said = f"error: {done} is a cross-validation, and each of its 3 folds is a run: "
    images = ["--input", "images", "--output", "out"]
    for command, more in {evaluate: [], predict: images, gradcam: images}.items():
        assert command(["--model_path", str(done), *more]) == 2
        assert capsys.readouterr().err == f"{said}give {done}/{middle}, whose score is the middle one\n"
    assert compare([str(done / "fold_1"), str(done)]) == 2
    assert capsys.readouterr().err == f"{said}compare {done}/{middle} with the same fold of another run\n"


def test_one_fold_alone_is_the_same_run(three_folds, done, tmp_path):
    assert transfer([*three_folds, "--fold", "2", "--output_dir", "alone"]) == 0
    ours, theirs = (read_images(folder / "test_images.npz") for folder in (done / "fold_2", tmp_path / "alone"))
    assert ours.keys == theirs.keys
    np.testing.assert_array_equal(ours.counts, theirs.counts)
    assert yaml.safe_load((done / "fold_2/config.yaml").read_text())["fold"] == 2


def test_a_fold_is_evaluated_on_its_own_test_images(done, tmp_path):
    assert evaluate(["--model_path", str(done / "fold_2"), "--no_report", "--output_dir", "again"]) == 0
    before, after = (
        json.loads((folder / "metrics.json").read_text())["test"] for folder in (done / "fold_2", tmp_path / "again")
    )
    assert after == before


def test_overwriting_leaves_no_fold_of_before(three_folds, done, tmp_path):
    shutil.copytree(done, tmp_path / "cv")
    (tmp_path / "cv/mine.txt").write_text("mine")
    assert transfer([*three_folds, "--folds", "2", "--overwrite", "--output_dir", "cv"]) == 0
    assert sorted(finished(tmp_path / "cv")) == ["fold_1", "fold_2"]
    assert not (tmp_path / "cv/fold_3").exists()
    assert (tmp_path / "cv/mine.txt").exists()
    assert not (tmp_path / "cv/report.html").exists()


def test_what_cannot_be_cross_validated_is_refused_before_anything_is_trained(three_folds, done, tmp_path, capsys):
    for flags, said in [
        (["--fold", "4"], "--fold 4 is one of --folds: give --folds 4 or more"),
        (["--folds", "10"], "--folds 10 of 9 different images leaves too few"),
        (["--output_dir", str(done)], "already holds a run: give --resume, --overwrite"),
    ]:
        assert transfer([*three_folds, "--output_dir", "new", *flags]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_run_of_few_images_says_that_folds_test_all_of_them(three_folds, capsys):
    assert transfer([*three_folds[:-4], *three_folds[-2:], "--split_seed", "2", "--output_dir", "plain"]) == 0
    assert re.search(
        r"note: the test part is \d of 9 images; --folds 5 tests each of them once", capsys.readouterr().out
    )


def test_other_images_are_refused_when_it_goes_on(stopped, tmp_path, capsys):
    more = write_images_masks(tmp_path / "more", 10)
    assert transfer(["--resume", "--data_dir", str(more), "--output_dir", "cv"]) == 2
    assert "cannot resume cv with other images (1 image is new" in capsys.readouterr().err
