"""`transfer.study`: cells that are trained once, a table that says what they say, and refusals."""

import csv
import html
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from code_blocks import ROOT
from datasets import photo, write_folder, write_images_masks
from filelock import FileLock
from PIL import Image, ImageOps
from tiny import SYNTHETIC, THIN, TINY

from common.config.load import load_config
from common.data.load import load_labelled
from common.run.lock import claimed
from pretrain.main import main as pretrain
from transfer.study import plan
from transfer.study.__main__ import main as study
from transfer.study.config import StudyConfig
from transfer.study.images import with_one_fit
from transfer.study.initialisations import parse_initialisations
from transfer.study.leaks import data_leaks
from transfer.study.plan import StudyPlan

SMALL = [
    *("--label_fractions", "0.5", "1.0", "--seeds", "1"),
    *("--updates", "2", "--validations", "1", "--no_double_budget"),
]
SEARCH = ["--lrs", "0.001", "0.01", "--encoder_lr_factors", "0.3", "--search_fraction", "0.5"]


@pytest.fixture(scope="module")
def ae(tmp_path_factory):
    """A run of phase 1."""
    folder = tmp_path_factory.mktemp("phase1") / "ae"
    words = ["--epochs", "1", "--norm", "batch", "--output_dir", str(folder)]
    assert pretrain([*TINY, *SYNTHETIC, *words]) == 0
    return folder


@pytest.fixture(scope="module")
def words(ae):
    """The flags of a small study."""
    return [*TINY, "--report", "--synthetic_count", "40", *SMALL, *SEARCH, "--initialisations", "scratch", f"own={ae}"]


@pytest.fixture(scope="module")
def done(tmp_path_factory, words):
    """A finished study."""
    folder = tmp_path_factory.mktemp("studies") / "study"
    assert study([*words, "--output_dir", str(folder)]) == 0
    return folder


def campaign(words, folder):
    config = load_config(StudyConfig, [*words, "--output_dir", str(folder)], prog="")
    return StudyPlan(*with_one_fit(config))


def record(cell):
    return json.loads((cell / "cell.json").read_text())


def test_a_study_searches_rates_scores_every_start_at_every_fraction_and_tells(done):
    cells = sorted(path.name for path in (done / "cells").iterdir() if path.is_dir())
    assert sum(name.startswith("search-") for name in cells) == 4
    assert sum(name.startswith("score-scratch-") for name in cells) == 2
    assert sum(name.startswith("score-own-") for name in cells) == 2
    text = (done / "study.md").read_text()
    assert re.fullmatch(r"too few to tell: .*1 seed", text.splitlines()[0]), "the first alert"
    assert "own: 0 test images are among" in text.splitlines()[1], "what it knows of leaks stands on top too"
    assert "- own against scratch: " in text
    assert "| own (encoder) | none | 0.0" in text
    with (done / "study.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 8
    assert {row["test_mean_iou"] != "" for row in table if row["kind"] == "score"} == {True}
    assert (done / "figures/label_efficiency.png").exists()
    assert (done / "figures/per_class.png").exists()


def test_the_page_of_a_study_holds_its_verdict_its_curves_and_what_was_searched(done):
    content = (done / "report.html").read_text(encoding="utf-8")
    verdict = next(line for line in (done / "study.md").read_text().splitlines() if line.startswith("- own against"))
    assert html.escape(verdict.removeprefix("- ")) in content
    alert = (done / "study.md").read_text().splitlines()[0]
    assert f'<ul class="notices"><li class="warning"><span dir="auto">{alert}<' in content, "the first notice"
    assert content.count("<h2") == 6
    assert "Nothing to show" not in content
    for name in ("scratch", "own"):
        for cell in (done / "cells").glob(f"search-{name}-*/cell.json"):
            assert f"{json.loads(cell.read_text())['val_mean_iou']:.4f}" in content


def test_two_pretrained_starts_are_set_against_each_other(done, words, ae, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    for cell in list((folder / "cells").glob("*-own-*/cell.json")):
        again = folder / "cells" / cell.parent.name.replace("-own-", "-again-")
        shutil.copytree(cell.parent, again)
        (again / "cell.json").write_text(cell.read_text().replace('"start": "own"', '"start": "again"'))
    assert study([*words, f"again={ae}", "--output_dir", str(folder), "--table"]) == 0
    text = (folder / "study.md").read_text()
    half, whole = (found["images"] for found in json.loads((folder / "study.json").read_text())["scores"][:2])
    masks = [f"{size['train']:.0f} + {size['val']:.0f} (+0.000, no interval)" for size in (half, whole)]
    said = f"- own against again: too few to tell: {{}} with {' and '.join(masks)} masks."
    assert said.format(text.splitlines()[0].removeprefix("too few to tell: ")) in text
    assert {rival["fraction"] for rival in json.loads((folder / "study.json").read_text())["rivals"]} == {0.5, 1.0}
    assert "Pretrained initialisations against each other" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_search_never_sees_a_test_image_and_the_rest_uses_the_rates_it_chose(done):
    searches = [record(cell) for cell in (done / "cells").glob("search-*")]
    assert not any("test" in found for found in searches)
    assert not list((done / "cells").glob("search-*/test_images.npz"))
    for start in ("scratch", "own"):
        tried = [found for found in searches if found["start"] == start]
        best = max(tried, key=lambda found: (found["val_mean_iou"], -found["lr"]))
        scored = [record(cell) for cell in (done / "cells").glob(f"score-{start}-*")]
        assert {found["lr"] for found in scored} == {best["lr"]}


def test_validation_is_cut_like_training_and_every_cell_has_the_same_updates(done):
    half, whole = (record(next((done / "cells").glob(f"score-own-{f}-0-*"))) for f in ("0.5", "1"))
    assert half["images"]["train"] < whole["images"]["train"]
    assert half["images"]["val"] < whole["images"]["val"]
    for cell in (done / "cells").glob("score-*"):
        assert "epoch_updates: 2" in (cell / "config.yaml").read_text()


def test_a_finished_study_is_not_trained_again_and_a_lost_cell_comes_back_bit_for_bit(done, words, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    lost = next((folder / "cells").glob("score-own-1-0-*"))
    before, others = record(lost), {c.name: (c / "cell.json").stat().st_mtime_ns for c in folder.glob("cells/s*")}
    shutil.rmtree(lost)
    assert study([*words, "--output_dir", str(folder)]) == 0
    after = record(lost)
    assert before.pop("seconds") > 0
    assert after.pop("seconds") > 0
    assert after == before
    same = {c.name: (c / "cell.json").stat().st_mtime_ns for c in folder.glob("cells/s*") if c != lost}
    assert same.items() <= others.items()
    assert len(same) == len(others) - 1


def test_a_cell_that_somebody_else_is_training_is_left_to_them(done, words, tmp_path, monkeypatch):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    taken = sorted((folder / "cells").glob("score-*"))[:2]
    for cell in taken:
        shutil.rmtree(cell)
    ours = campaign(words, folder)
    with FileLock(folder / "cells" / f".{taken[0].name}.lock"):
        missing = {cell.name: cell for cell in ours.missing()}
        assert set(missing) == {cell.name for cell in taken}
        assert not ours._train(missing[taken[0].name])
        assert ours._train(missing[taken[1].name])
    assert [cell.name for cell in ours.missing()] == [taken[0].name]


def test_a_study_that_waits_says_once_for_whom_and_goes_on(done, words, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    taken = min((folder / "cells").glob("score-*"))
    taken.rename(tmp_path / "taken")
    looks = []

    def others_finish(_seconds):
        looks.append(1)
        if len(looks) == 3:
            (tmp_path / "taken").rename(taken)

    monkeypatch.setattr("transfer.study.plan.time.sleep", others_finish)
    with claimed(folder / "cells" / f".{taken.name}.lock"):
        campaign(words, folder).work()
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("waiting for ")]
    assert len(looks) == 3
    assert len(told) == 1
    assert re.search(rf"{re.escape(taken.name)}, which process {os.getpid()} on .* \(since .*\) trains", told[0])


def test_a_worker_trains_what_is_missing_and_writes_no_table(done, tmp_path, capsys):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    lost = min((folder / "cells").glob("score-*"))
    shutil.rmtree(lost)
    table = (folder / "study.md").stat().st_mtime_ns
    assert study(["--worker", "--output_dir", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("all trainings of ")
    assert (lost / "cell.json").exists()
    assert (folder / "study.md").stat().st_mtime_ns == table
    assert "worker: true" not in (folder / "config.yaml").read_text()


def test_a_trial_that_was_overtaken_is_left_to_the_other_process(done, words, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    taken = min((folder / "cells").glob("score-*"))
    other = taken.with_name(f"{taken.name}~2")
    taken.rename(tmp_path / "finished")
    ours, train = campaign(words, folder), plan.train_trial

    def slow(*words, **settings):
        other.mkdir()
        train(*words, **settings)

    monkeypatch.setattr(plan, "train_trial", slow)
    (trial,) = ours.missing()
    assert not ours._train(trial)
    assert "was overtaken while this process stood still" in capsys.readouterr().err
    assert not taken.exists()
    (tmp_path / "finished").rename(other)
    assert ours.missing() == []


@pytest.mark.slow
def test_a_worker_says_within_a_minute_that_another_one_is_frozen_and_takes_its_trial_over(words, tmp_path):
    one = [*words, "--initialisations", "scratch", "--label_fractions", "0.5", "--lrs", "0.001"]
    one += ["--updates", "200", "--validations", "20", "--output_dir", str(tmp_path / "study")]
    command = [sys.executable, "-m", "transfer.study"]
    first = subprocess.Popen([*command, *one], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert first.stderr is not None
        while not first.stderr.readline().startswith("training score-scratch"):
            pass
        time.sleep(3)
        first.send_signal(signal.SIGSTOP)
        worker = [*command, "--worker", "--output_dir", str(tmp_path / "study")]
        with subprocess.Popen(worker, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=ROOT) as second:
            assert second.stderr is not None
            said = {line: time.monotonic() for line in second.stderr}
        assert second.returncode == 0
        waits, tells = (next(line for line in said if word in line) for word in ("waiting for", "no sign of life"))
        assert f"process {first.pid} on " in tells
        assert said[tells] - said[waits] < 60
        first.send_signal(signal.SIGCONT)
        out, err = first.communicate(timeout=60)
        assert first.returncode == 0
        assert "was overtaken while this process stood still" in err
        assert "scratch" in out
    finally:
        first.kill()
        first.communicate()


@pytest.mark.slow
def test_a_dry_run_lists_what_is_missing_and_trains_nothing(done, words, tmp_path, capsys):
    assert study([*words, "--dry_run", "--output_dir", str(done)]) == 0
    assert "0 trainings to do" in capsys.readouterr().out
    assert study([*words, "--dry_run", "--output_dir", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out
    assert "search-own-0.5-0-0.001-0.3" in said
    assert "8 trainings to do, about" in said
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_study_that_is_interrupted_goes_on_by_the_same_command_or_by_its_folder(words, tmp_path, monkeypatch, capsys):
    folder, one = tmp_path / "study", ["--initialisations", "scratch", "--label_fractions", "0.5"]

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FileLock, "acquire", interrupted)
        assert study([*words, *one, "--output_dir", str(folder)]) == 130
    assert "the same command goes on with the trials that are missing" in capsys.readouterr().err
    assert study(["--resume", "--output_dir", str(folder)]) == 0
    assert len(list((folder / "cells").glob("*/cell.json"))) == 3


def test_the_table_of_an_unfinished_study_shows_what_is_there(words, tmp_path, capsys):
    assert study([*words, "--table", "--output_dir", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out
    assert "own against scratch: not yet known." in said
    goes_on = shlex.split(said.splitlines()[-1])[4:]
    assert goes_on == ["--resume", "--output_dir", str(tmp_path / "new"), "--seeds", "3"]
    assert study([*goes_on, "--dry_run"]) == 0
    assert "8 trainings to do" not in capsys.readouterr().out, "three times as many seeds"
    assert study([*words, "--table", "--seeds", "4", "--output_dir", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out.endswith(f"--resume --output_dir {tmp_path / 'new'}\n"), "more seeds are asked for"


@pytest.mark.parametrize("theirs", ["report.html", "figures/per_class.png", "cells/1.png", "best.pth"])
def test_files_that_no_study_wrote_are_not_replaced(theirs, words, tmp_path, capsys):
    folder = tmp_path / "new"
    (folder / theirs).parent.mkdir(parents=True)
    (folder / theirs).write_text("mine")
    (folder / "log.txt").touch()
    assert study([*words, "--table", "--output_dir", str(folder)]) == 2
    said = capsys.readouterr().err.replace("\n  ", " ")
    assert f"{folder} holds {theirs.split('/')[0]}, which no study wrote" in said
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == sorted([Path(theirs).name, "log.txt"])


@pytest.mark.parametrize("command", [[], ["--dry_run"]])
def test_a_start_that_cannot_be_trained_is_refused_before_the_first_training(command, words, ae, tmp_path, capsys):
    folder = tmp_path / "study"
    assert study([*words, f"outlined={ae}+outlines", *command, "--output_dir", str(folder)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--initialisations outlined can't be trained: " in said
    assert "has no foreground head" in said
    assert not list(folder.glob("cells/*"))


def test_the_table_leaves_a_start_out_that_cannot_be_trained(done, words, ae, tmp_path, capsys):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    assert study([*words, f"outlined={ae}+outlines", "--table", "--output_dir", str(folder)]) == 0
    assert "- own against scratch: " in capsys.readouterr().out


def test_a_class_that_nobody_scored_leaves_the_others_their_charts(done, words, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    for proof in (folder / "cells").glob("score-*/cell.json"):
        told = json.loads(proof.read_text())
        told["test"]["per_class"]["cat"]["iou"] = None
        proof.write_text(json.dumps(told))
        images = dict(np.load(proof.parent / "test_images.npz"))
        images["confusions"][:, 1] = images["confusions"][:, :, 1] = 0
        np.savez_compressed(proof.parent / "test_images.npz", **images)
    assert study([*words, "--output_dir", str(folder), "--table"]) == 0
    content = (folder / "report.html").read_text(encoding="utf-8")
    assert "Nothing to show" not in content
    assert content.count("test IoU") == 2


@pytest.mark.slow
def test_a_search_that_diverges_loses_and_does_not_stop_the_study(words, tmp_path):
    flags = ["--initialisations", "scratch", "--label_fractions", "0.5", "--lrs", "0.003", "1e18", "--optimizer", "sgd"]
    assert study([*words, *flags, "--output_dir", str(tmp_path / "new")]) == 0
    assert record(tmp_path / "new/cells/search-scratch-0.5-0-1e+18-1")["val_mean_iou"] is None
    assert record(tmp_path / "new/cells/score-scratch-0.5-0-0.003-1")["val_mean_iou"] is not None


def test_a_score_that_diverges_is_named_and_does_not_stop_the_study(words, tmp_path, capsys):
    flags = ["--initialisations", "scratch", "--label_fractions", "0.5", "1.0", "--lrs", "1e18", "--optimizer", "sgd"]
    assert study([*words, *flags, "--output_dir", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out
    for fraction in ("0.5", "1"):
        assert f"score-scratch-{fraction}-0-1e+18-1 diverged and is left out" in said
    assert not list((tmp_path / "new/cells").glob("search-*")), "one rate needs no search"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--epochs", "3"], "--epochs is not a setting of a study: every run has the same --updates"),
        (["--lr", "0.1"], "--lr is not a setting of a study: rates are searched for every initialisation: --lrs"),
        (["--initialisations", "nothing"], "--initialisations nothing: give scratch, imagenet"),
        (["--initialisations", "a/b=ae.pth"], "a name has letters"),
        (["--initialisations", "scratch", "scratch"], "--initialisations has a name twice"),
        (
            ["--initialisations", "scratch", "imagenet_unet"],
            "--initialisations imagenet_unet: there are no ImageNet weights of a U-Net",
        ),
        (["--label_fractions", "0.5", "0.5"], "--label_fractions has a share twice: 0.5 0.5"),
        (["--label_counts", "12"], "--label_counts and --label_fractions exclude each other"),
        (["--like", "ae.pth"], "scratch has the network of the first ae.pth"),
        (["--fold", "1"], "--fold is not a setting of a study"),
        (["--updates", "6", "--dry_run"], "holds a study with other settings (--updates was 2, is 6)"),
        (["--updates", "3", "--validations", "2"], "--updates 3 is no multiple of --validations 2"),
        (["--updates", "6"], "holds a study with other settings (--updates was 2, is 6)"),
        (["--overwrite"], "--overwrite is not a setting of a study"),
        (["--worker", "--table"], "--worker only trains"),
        (["--initialisations", "own=nowhere.pth"], "--initialisations own=nowhere.pth: there is no file nowhere.pth"),
    ],
)
def test_what_a_study_cannot_do_is_refused_in_words(done, words, flags, sentence, capsys):
    assert study([*words, *flags, "--output_dir", str(done)]) == 2
    assert sentence in capsys.readouterr().err


def test_with_folds_every_image_is_tested_once_by_each_start(tmp_path, capsys):
    data = write_images_masks(tmp_path / "data", 9)
    flags = ["--lrs", "0.001", "--initialisations", "scratch", "--label_counts", "2", "all", "--folds", "3"]
    budget = ["--updates", "1", "--validations", "1", "--seeds", "1", "--report"]
    assert study([*THIN, *flags, *budget, "--data_dir", str(data), "--output_dir", str(tmp_path / "study")]) == 0
    cells = list((tmp_path / "study/cells").glob("score-*/cell.json"))
    assert len(cells) == 6
    whole = json.loads((tmp_path / "study/study.json").read_text())["scores"]
    assert [list(score["images"].values()) for score in whole] == [[2, 1, 9], [5, 1, 9]]
    page = (tmp_path / "study/report.html").read_text(encoding="utf-8")
    assert "Each image was tested once, by one of 3 trainings" in page
    assert '"ticks":[3.0,6.0]' in page
    assert "with 2 + 1 masks: from scratch" in page
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == f"next: python -m transfer.study --resume --output_dir {tmp_path / 'study'} --seeds 3"


def test_scratch_has_the_network_of_the_pretraining_whatever_the_settings(done, words, tmp_path):
    flags = ["--widths", *["8", "8", "8", "8", "8", "8"], "--label_fractions", "1.0", "--lrs", "0.001"]
    assert study([*words, *flags, "--output_dir", str(tmp_path / "study")]) == 0
    networks = [record(cell) for cell in (tmp_path / "study/cells").glob("score-*")]
    assert len(networks) == 2
    assert networks[0]["encoder"] == networks[1]["encoder"]
    assert networks[0]["encoder"]["widths"] == [4] * 6
    assert "UNEQUAL" not in (tmp_path / "study/study.md").read_text()


def test_another_file_under_an_old_name_is_refused(done, words, ae, tmp_path, capsys):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    (tmp_path / "other.pth").write_bytes((ae / "ae.pth").read_bytes() + b"changed")
    flags = ["--initialisations", "scratch", f"own={tmp_path / 'other.pth'}"]
    assert study([*words, *flags, "--output_dir", str(folder)]) == 2
    assert "scratch is not what" in capsys.readouterr().err
    assert study([*words, "--initialisations", f"own={tmp_path / 'other.pth'}", "--output_dir", str(folder)]) == 2
    assert "own is not what" in capsys.readouterr().err
    assert study([*words, "--initialisations", f"own={ae}+decoder", "--output_dir", str(folder)]) == 2
    assert "own is not what" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ending", "transfer"),
    [
        ("", "auto"),
        ("+encoder", "encoder"),
        ("+decoder", "encoder+decoder"),
        ("+outlines", "outlines"),
        ("+more", "auto"),
    ],
)
def test_what_stands_behind_a_file_says_what_is_taken_from_it(ending, transfer):
    (start,) = parse_initialisations((f"own=runs/ae.pth{ending}",))
    assert start.flags["transfer"] == transfer
    assert str(start.file) == ("runs/ae.pth+more" if ending == "+more" else "runs/ae.pth")


def test_a_study_of_images_that_have_changed_is_refused(tmp_path, capsys):
    data = write_images_masks(tmp_path / "data", 24)
    flags = [*THIN, *SMALL, "--lrs", "0.001", "--initialisations", "scratch", "--label_fractions", "0.5"]
    words = [*flags, "--data_dir", str(data), "--output_dir", str(tmp_path / "study")]
    assert study(words) == 0
    write_images_masks(tmp_path / "data", 26)
    assert study(words) == 2
    assert "the images or masks are not those" in capsys.readouterr().err


@pytest.mark.parametrize("how", [["--resume"], []])
def test_a_study_goes_on_where_its_images_and_classes_were_moved(how, tmp_path, capsys):
    write_images_masks(tmp_path / "data", 24)
    (tmp_path / "a.yaml").write_text("names: [ground, pet]\nvalues: {0: 0, 255: 1}\n")
    flags = [*THIN, *SMALL, "--lrs", "0.001", "--initialisations", "scratch", "--label_fractions", "0.5"]
    words = ["--output_dir", str(tmp_path / "study")]
    place = ["--data_dir", str(tmp_path / "data"), "--classes", str(tmp_path / "a.yaml")]
    assert study([*flags, *words, *place]) == 0
    (tmp_path / "data").rename(tmp_path / "moved")
    (tmp_path / "a.yaml").rename(tmp_path / "b.yaml")
    capsys.readouterr()
    again = [*(how or flags), *words]
    assert study(["--resume", *words]) == 2
    assert "give the folder of the data set with --data_dir" in capsys.readouterr().err
    place = ["--data_dir", str(tmp_path / "moved"), "--classes", str(tmp_path / "b.yaml")]
    assert study([*again, *place]) == 0
    assert "training" not in capsys.readouterr().err
    (tmp_path / "b.yaml").write_text("names: [ground, dog]\nvalues: {0: 0, 255: 1}\n")
    assert study([*again, *place]) == 2
    assert "the images or masks are not those" in capsys.readouterr().err


def test_test_images_among_the_photographs_of_a_pretraining_are_named(tmp_path, capsys):
    data = write_images_masks(tmp_path / "data", 24)
    flags = [*THIN, *SMALL, "--lrs", "0.001", "--encoder_lr_factors", "0.3", "--data_dir", str(data)]
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for i in range(40):  # the labelled images, saved again, and others
        picture = photo(i if i < 24 else i + 500)
        cv2.imwrite(str(photographs / f"{i}.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    one = ["--epochs", "1", "--output_dir", str(tmp_path / "ae")]
    assert pretrain([*TINY, "--data_dir", str(photographs), "--split_seed", "1", *one]) == 0
    words = [*flags, "--initialisations", f"own={tmp_path / 'ae'}", "--table", "--output_dir", str(tmp_path / "study")]
    assert study(words) == 0
    said = capsys.readouterr().out
    assert "own: 0 test images are among 35 files of its pretraining" in said
    assert "LEAK: own: nearly equal to its photographs: 5 test images" in said
    assert (tmp_path / "study/study.md").read_text().count("LEAK") == 1
    for picture in photographs.iterdir():
        if int(picture.stem) < 30:
            picture.unlink()
    assert study(words) == 0
    said = capsys.readouterr().out
    assert "own: no test image is a near duplicate of" in said
    assert f"of 35 are not in {photographs} now)" in said


def test_a_study_that_is_refused_for_its_photographs_leaves_nothing_behind(tmp_path, capsys):
    data, photographs = write_images_masks(tmp_path / "data", 24), write_folder(tmp_path / "photographs", 10)
    flags = [*THIN, *SMALL, "--lrs", "0.001", "--data_dir", str(data), "--unlabelled_dir", str(photographs)]
    flags += ["--initialisations", "scratch", "scratch+pool", "--leave_out_tests"]
    flags += ["--output_dir", str(tmp_path / "study")]
    assert study([*flags, "--pool_batch_size", "24"]) == 2
    assert "add photographs, or lower" in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_photographs_of_phase_2_that_are_nearly_test_images_are_named(tmp_path, capsys):
    data = write_images_masks(tmp_path / "data", 24)
    photographs = write_folder(tmp_path / "photographs", 30)
    flags = [*THIN, *SMALL, "--lrs", "0.001", "--data_dir", str(data), "--unlabelled_dir", str(photographs)]
    flags += ["--initialisations", "scratch", "scratch+pool", "--pool_batch_size", "4", "--leave_out_tests", "--table"]
    tests = sorted(load_labelled(load_config(StudyConfig, flags, prog="").data).test.keys)
    for key in tests:
        picture = np.asarray(Image.open(next((data / "images").glob(f"{key}.*"))))[..., ::-1]
        for i in range(20):  # phase 1 keeps some photographs for its tests
            cv2.imwrite(str(photographs / f"copy_{i}_{key}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert study([*flags, "--output_dir", str(tmp_path / "study")]) == 0
    told = f"LEAK: nearly equal to photographs of --unlabelled_dir: {len(tests)} test images: {tests[0]}"
    assert told in capsys.readouterr().err.replace("\n  ", " ")
    assert told in (tmp_path / "study/study.md").read_text()


def test_other_numbers_of_masks_replace_the_shares_of_a_study_that_goes_on(done, tmp_path, capsys):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    assert study(["--resume", "--output_dir", str(folder), "--label_counts", "all", "--dry_run"]) == 0
    assert "exclude each other" not in capsys.readouterr().err


def test_a_study_has_one_file_of_imagenet_weights(done, words, tmp_path, capsys):
    flags = ["--encoder_weights_path", "other.pth", "--output_dir", str(done)]
    assert study([*words, *flags]) == 2
    assert "holds a study with other settings (--encoder_weights_path" in capsys.readouterr().err


def test_a_test_image_that_is_a_validation_image_saved_again_is_named(tmp_path):
    data = load_labelled(load_config(StudyConfig, [*TINY, "--synthetic_count", "40"], prog="").data)
    images = np.stack(list(data.test.images))
    images[0] = data.val.images[1][:, ::-1]
    assert data_leaks(replace(data, notes=("left out: copies/7.png is cut off",))) == []
    copied = replace(data.test, digests=(data.train.digests[0], *data.test.digests[1:]))
    (told,) = data_leaks(replace(data, test=copied))
    assert told.startswith("LEAK: the test scores are too high: 1 of ")
    (told,) = data_leaks(replace(data, test=replace(data.test, images=images)))
    assert told == f"LEAK: nearly equal to validation images: 1 test image: {data.test.keys[0]}"


def test_a_study_of_folds_names_images_that_are_nearly_those_of_another_fold(tmp_path):
    data = write_images_masks(tmp_path / "data", 9)
    flags = [*TINY, "--data_dir", str(data), "--folds", "3"]
    settings = load_config(StudyConfig, flags, prog="").data
    tests = [load_labelled(replace(settings, fold=fold)).test.keys for fold in (1, 2, 3)]
    with Image.open(data / f"images/{tests[1][0]}.jpg") as image:
        ImageOps.mirror(image).save(data / f"images/{tests[2][0]}.jpg", quality=95)
    words = [*SMALL, "--full_validation", "--initialisations", "scratch", "--no_report", "--output_dir", "study"]
    assert study([*flags, *words, "--table"]) == 0
    both = ", ".join(sorted([tests[1][0], tests[2][0]]))
    told = f"LEAK: nearly equal to images of other folds: 2 test images: {both}"
    assert told in (tmp_path / "study/study.md").read_text()


def test_a_study_begun_by_an_older_version_goes_on(done, words, tmp_path, capsys):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    settings |= {"inits": settings.pop("initialisations"), "doubling": settings.pop("double_budget")}
    settings |= {"epochs": 200, "patience": 15, "updates": 2, "transfer": "encoder"}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    for proof in (folder / "cells").glob("*/cell.json"):
        told = json.loads(proof.read_text())
        shape = told["shape"] and told["shape"].replace("auto", "encoder")
        proof.write_text(json.dumps({**told, "transfer": "encoder", "shape": shape}))
    assert study(["--resume", "--output_dir", str(folder), "--dry_run"]) == 0
    said = capsys.readouterr()
    assert "0 trainings to do" in said.out
    assert "note: --inits is now --initialisations" in said.err
    assert study([*words, "--table", "--output_dir", str(folder)]) == 0
    assert "| own | none | 0.0" in (folder / "study.md").read_text(), "a file without a suffix is still its encoder"


def test_the_decoder_of_an_older_version_is_the_same_part(done, words, ae, tmp_path, capsys):
    folder = tmp_path / "study"
    shutil.copytree(done, folder)
    for proof in (folder / "cells").glob("*-own-*/cell.json"):
        proof.write_text(json.dumps({**json.loads(proof.read_text()), "transfer": "all"}))
    for proof in (folder / "cells").glob("*-scratch-*/cell.json"):
        proof.write_text(json.dumps({k: v for k, v in json.loads(proof.read_text()).items() if k != "shape"}))
    parts = ["--initialisations", "scratch", f"own={ae}+decoder", "--dry_run", "--output_dir", str(folder)]
    assert study([*words, *parts]) == 0
    assert "0 trainings to do" in capsys.readouterr().out
