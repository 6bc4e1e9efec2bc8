"""`transfer.compare`: finished runs side by side, and refusals of what cannot be compared."""

import csv
import html
import json
import shutil

import cv2
import numpy as np
import pytest
from datasets import photo, square_mask, write_images_masks, write_tree
from run_checks import refusal
from tiny import SYNTHETIC, THIN

from common.engine.device import find_device
from transfer.compare.__main__ import main as compare
from transfer.compare.finished_run import read_run, short_names
from transfer.compare.images import shown_images
from transfer.main import main as transfer


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs on the same embedded pets."""
    folder = tmp_path_factory.mktemp("runs")
    for name, flags in {"one": [], "two": ["--seed", "1", "--decoder", "transpose"]}.items():
        assert transfer([*THIN, *SYNTHETIC, "--epochs", "2", *flags, "--output_dir", str(folder / name)]) == 0
    return folder


@pytest.fixture(scope="module")
def compared(runs, tmp_path_factory):
    """The comparison of the two."""
    out = tmp_path_factory.mktemp("compared") / "out"
    assert compare([str(runs / "one"), str(runs / "two"), "--output", str(out)]) == 0
    return out


def test_a_table_holds_every_run_with_its_scores_its_cost_and_the_differences(runs, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setenv("COLUMNS", "80")
    assert compare([str(runs / "one"), str(runs / "two"), "--output", str(out)]) == 0
    said = capsys.readouterr().out
    content = json.loads((out / "comparison.json").read_text())
    with (out / "comparison.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["run"] for row in content["runs"]] == [row["run"] for row in table] == ["one", "two"]
    for row, name in zip(content["runs"], ("one", "two"), strict=True):
        scores = json.loads((runs / name / "metrics.json").read_text())["test"]
        resources = json.loads((runs / name / "resources.json").read_text())
        assert row["mean_iou"] == pytest.approx(scores["mean_iou"], abs=1e-12)
        assert row["iou_dog"] == pytest.approx(scores["per_class"]["dog"]["iou"], abs=1e-12)
        assert row["mean_iou_low"] <= row["mean_iou"] <= row["mean_iou_high"]
        assert row["train_seconds"] == resources["train_seconds"] > 0
        assert row["peak_memory_mib"] > 100
        assert f"{row['mean_iou']:.4f}" in said
    first = content["differences"][0]
    gap = content["runs"][1]["mean_iou"] - content["runs"][0]["mean_iou"]
    assert (first["run"], first["against"], first["metric"]) == ("two", "one", "mean_iou")
    assert first["difference"] == pytest.approx(gap, abs=1e-12)
    assert max(len(line) for line in said.splitlines() if str(tmp_path.parent) not in line) <= 80
    best = max(content["runs"], key=lambda row: row["mean_iou"])["run"]
    said = said.replace(" \\\n   ", "").replace("\n  ", " ")
    assert said.splitlines()[-1].startswith(f"next: python -m transfer.predict --model_path {runs / best} ")
    assert all(line in said for line in (out / "comparison.md").read_text().splitlines() if line.startswith("- "))
    command = f"{runs / 'one'} {runs / 'two'} --output {out} --visualize_samples 6 --device auto"
    assert command in html.unescape((out / "report.html").read_text())


def test_a_comparison_says_first_that_it_is_of_networks_and_not_of_methods(compared):
    out = compared
    alert = (out / "comparison.md").read_text().splitlines()[0]
    assert alert.startswith("too few to tell: ")
    assert "1 seed. This compares networks, not methods" in alert
    page = (out / "report.html").read_text()
    assert page.index(alert) < page.index("<h2")
    content = json.loads((out / "comparison.json").read_text())
    assert {pair["verdict"] for pair in content["differences"]} == {alert.split(".")[0]}
    for word in ("sure", "helped", "harmed", "cannot tell"):
        assert word not in (out / "comparison.md").read_text()


def test_unequal_networks_and_budgets_are_alerts_and_equal_ones_are_none(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert transfer([*THIN, *SYNTHETIC, "--epochs", "1", "--output_dir", "short"]) == 0
    for other, alert in ((runs / "two", "UNEQUAL NETWORKS: one "), ("short", "UNEQUAL BUDGETS: one 6 updates")):
        assert compare([str(runs / "one"), str(other), "--output", "out"]) == 0
        found = [line for line in (tmp_path / "out/comparison.md").read_text().splitlines() if "UNEQUAL" in line]
        assert len(found) == 1
        assert found[0].startswith(alert)
        assert found[0] in (tmp_path / "out/report.html").read_text()
    shutil.copytree(runs / "one", tmp_path / "same")
    assert compare([str(runs / "one"), "same", "--output", "out"]) == 0
    assert "UNEQUAL" not in (tmp_path / "out/comparison.md").read_text()


def test_the_figures_are_pictures_with_something_on_them(compared):
    for name in ("bars", "radar", "curves", "masks"):
        picture = cv2.imread(str(compared / f"figures/{name}.png"))
        assert min(picture.shape[:2]) > 200
        assert picture.std() > 5


def test_the_page_says_what_the_runs_warned_of_and_in_what_they_differ(runs, tmp_path):
    shutil.copytree(runs / "one", tmp_path / "late")
    records = json.loads((tmp_path / "late/metrics.json").read_text())
    records |= {"epochs": 1, "best_epoch": 1, "warnings": ["class dog is never predicted"]}
    (tmp_path / "late/metrics.json").write_text(json.dumps(records))
    rows = (tmp_path / "late/metrics.csv").read_text().splitlines(keepends=True)
    (tmp_path / "late/metrics.csv").write_text("".join(rows[:2]))
    assert compare([str(tmp_path / "late"), str(runs / "two"), "--output", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out/report.html").read_text()
    assert "late: class dog is never predicted" in page
    assert "late: Training stopped early, after 1 of at most 2 epochs" in page
    differing = page[page.index("Settings that differ") :]
    assert ">decoder<" in differing
    assert ">transpose<" in differing
    assert ">batch_size<" not in differing
    assert "Commands of the runs" in page


def test_the_table_and_the_page_say_whose_labels_an_encoder_has_learnt_from(runs, tmp_path):
    shutil.copytree(runs / "one", tmp_path / "imagenet")
    receipt = json.loads((runs / "one/receipt.json").read_text())
    (tmp_path / "imagenet/receipt.json").write_text(json.dumps(receipt | {"uses_imagenet_labels": True}))
    assert compare([str(tmp_path / "imagenet"), str(runs / "two"), "--output", str(tmp_path / "out")]) == 0
    rows = json.loads((tmp_path / "out/comparison.json").read_text())["runs"]
    assert [row["labels_elsewhere"] for row in rows] == ["ImageNet", "none"]
    lines = [line for line in (tmp_path / "out/comparison.md").read_text().splitlines() if line.startswith("|")]
    assert lines[0].split(" | ")[2] == "external labels"
    assert lines[2].split(" | ")[2] == "ImageNet"
    assert ">external labels<" in (tmp_path / "out/report.html").read_text()


def test_what_cannot_be_compared_is_refused_and_nothing_is_written(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = ["--synthetic_count", "48", "--epochs", "1"]
    assert transfer([*THIN, *other, "--output_dir", "other"]) == 0
    write_images_masks(tmp_path / "data", 20)
    assert transfer([*THIN, "--data_dir", "data", "--epochs", "1", "--output_dir", "binary"]) == 0
    one = str(runs / "one")
    for words, said in [
        ([one], "two runs or more"),
        ([one, one], "named twice"),
        ([one, "other"], "tested on different images"),
        ([one, "binary"], "tell different classes apart"),
        ([one, "data"], "holds no finished run"),
    ]:
        assert compare([*words, "--output", "out"]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_runs_are_called_by_as_many_folders_as_tell_them_apart(tmp_path):
    assert short_names([tmp_path / "a/x", tmp_path / "b/y"]) == ["x", "y"]
    assert short_names([tmp_path / "a/x", tmp_path / "b/x", tmp_path / "b/y"]) == ["a/x", "b/x", "b/y"]


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    """A run on images of its own, and these."""
    place = tmp_path_factory.mktemp("masked")
    write_images_masks(place / "data", 30)
    words = ["--data_dir", str(place / "data"), "--epochs", "1", "--output_dir", str(place / "run")]
    assert transfer([*THIN, *words]) == 0
    return place


@pytest.fixture
def two(masked, tmp_path):
    """The run twice, with a copy of its images that a test may change."""
    shutil.copytree(masked / "data", tmp_path / "data")
    for name in ("one", "two"):
        shutil.copytree(masked / "run", tmp_path / name)
        settings = (tmp_path / name / "config.yaml").read_text()
        (tmp_path / name / "config.yaml").write_text(settings.replace(str(masked / "data"), str(tmp_path / "data")))
    return [tmp_path / "one", tmp_path / "two"]


def test_images_that_came_since_are_not_shown_under_the_names_of_those_that_were_tested(two, tmp_path):
    before = shown_images([read_run(folder, folder.name) for folder in two], find_device("cpu"))
    for i in range(60):
        write_tree(tmp_path / "data", {f"images/_{i:02}.jpg": photo(500 + i), f"masks/_{i:02}.png": square_mask(255)})
    now = shown_images([read_run(folder, folder.name) for folder in two], find_device("cpu"))
    assert now.left_out == before.left_out == ""
    for name in ("one", "two"):
        ours, theirs = now.networks[name][1], before.networks[name][1]
        assert ours.keys == theirs.keys == now.runs[0].keys
        np.testing.assert_array_equal(ours.images, theirs.images)
        np.testing.assert_array_equal(ours.masks, theirs.masks)


def test_images_that_are_gone_or_have_another_mask_have_scores_and_no_picture(two, tmp_path, capsys):
    gone, changed, *left = read_run(two[0], "one").keys
    (tmp_path / f"data/images/{gone}.jpg").unlink()
    (tmp_path / f"data/masks/{gone}.png").unlink()
    write_tree(tmp_path / "data", {f"masks/{changed}.png": square_mask(0)})
    assert compare([*map(str, two), "--output", "out"]) == 0
    told = f"2 test images have scores and no picture, being gone or changed since the tests: {gone}, {changed}"
    page = (tmp_path / "out/report.html").read_text()
    assert told in capsys.readouterr().out.replace("\n  ", " ")
    assert told in (tmp_path / "out/comparison.md").read_text()
    assert told in page
    assert f"comparison of 2 runs · {2 + len(left)} test images" in page
    for key in left:
        (tmp_path / f"data/images/{key}.jpg").unlink()
        (tmp_path / f"data/masks/{key}.png").unlink()
    assert refusal(compare, [*two, "--output", "none"], capsys).endswith("as it was tested: put them back there")
