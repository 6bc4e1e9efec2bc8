"""`transfer.evaluate --data_dir`: a network on the images of another place."""

import json
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from datasets import photo, square_mask, write_images_masks, write_tree
from run_checks import metrics, now_with, refusal
from tiny import TRANSFER

from transfer.compare.__main__ import main as compare
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer
from transfer.scoring import read_images

CLASSES = "names: [ground, pet]\nvalues: {0: 0, 255: 1}\nbackground: ground\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where a run and its data lie; the file of its classes is gone."""
    place = tmp_path_factory.mktemp("elsewhere")
    write_images_masks(place / "data", 30)
    (place / "classes.yaml").write_text(CLASSES)
    flags = ["--data_dir", place / "data", "--classes", place / "classes.yaml", "--output_dir", place / "run"]
    assert transfer([*TRANSFER, "--epochs", "1", *map(str, flags)]) == 0
    (place / "classes.yaml").unlink()
    return place


def write_other(root: Path, names=("images", "masks"), *, value: int = 255, count: int = 5) -> Path:
    images, masks = names
    drawn = {f"{masks}/n{i}.png": square_mask(value) for i in range(count)}
    return write_tree(root, {f"{images}/n{i}.jpg": photo(900 + i) for i in range(count)} | drawn)


def scored(words, folder="out") -> dict:
    assert evaluate([*map(str, words), "--no_report", "--output_dir", folder]) == 0
    return metrics(Path(folder))


def test_all_images_of_another_data_set_are_scored_with_the_classes_of_the_file(place, tmp_path, capsys):
    write_other(tmp_path / "other")
    told = scored(["--model_path", place / "run", "--data_dir", "other"])
    assert told["scored"] == {"data": str(tmp_path / "other"), "part": "all", "images": 5, "trained_on": 0}
    assert set(told["all"]["per_class"]) == {"ground", "pet"}
    assert "data: other, all of it, 5 images with masks" in capsys.readouterr().out.splitlines()


def test_the_training_that_may_follow_reads_the_masks_as_they_were_scored(place, tmp_path, capsys):
    write_other(tmp_path / "other", names=("photos", "drawn"))
    named = ["--images", "photos/*.jpg", "--masks", "drawn/{stem}.png"]
    scored(["--model_path", place / "run", "--data_dir", "other", *named])
    step = shlex.split(capsys.readouterr().out.replace("\\\n", "").rpartition("next: ")[2])
    words = dict(pairwise(step))
    assert [words[name] for name in named[::2]] == named[1::2]
    assert words["--classes"] == str(place / "classes.yaml")


def test_its_page_counts_them(place, tmp_path):
    write_other(tmp_path / "other", count=4)
    shutil.copytree(place / "run", "run")
    assert evaluate(["--model_path", "run", "--data_dir", "other"]) == 0
    page = Path("run/evaluation-other/report.html").read_text()
    assert "all images of other" in page
    assert " on 4 images" in page


@pytest.mark.parametrize("names", [("images/test", "masks/test"), ("test/images", "test/labels")])
@pytest.mark.parametrize("flags", [[], ["--split", "test"]])
def test_a_data_set_of_nothing_but_a_test_part_is_scored(names, flags, place, tmp_path):
    write_other(tmp_path / "other", names)
    told = scored(["--model_path", place / "run", "--data_dir", "other", *flags])
    assert told["scored"]["images"] == 5
    assert told["scored"]["part"] == (flags or ["all"])[-1]


def test_a_table_of_splits_may_name_one_part_alone(place, tmp_path, capsys):
    write_other(tmp_path / "other")
    (tmp_path / "other/splits.csv").write_text("stem,split\n" + "".join(f"n{i},test\n" for i in range(5)))
    words = ["--model_path", place / "run", "--data_dir", "other"]
    assert scored(words)["scored"]["images"] == scored([*words, "--split", "test"])["scored"]["images"] == 5
    said = refusal(evaluate, [*words, "--split", "val", "--output_dir", "none"], capsys)
    assert said.endswith("other has no val images (train 0, val 0, test 5): name another --split, or --split all")


def test_the_runs_own_data_at_another_place_are_scored_on_their_test_part(place, tmp_path, capsys):
    shutil.copytree(place / "data", "moved")
    words = ["--model_path", place / "run", "--data_dir", "moved"]
    told = scored(words)
    assert told["test"] == metrics(place / "run")["test"]
    assert told["scored"]["trained_on"] == 0
    capsys.readouterr()
    whole = scored([*words, "--split", "all"])
    assert whole["scored"]["images"] == 30
    assert whole["scored"]["trained_on"] == metrics(place / "run")["images"]["train"]
    assert "warning: the scores are too high: of 30 images the network was trained on 19" in capsys.readouterr().out


def test_a_page_is_written_where_the_test_part_is_another_one_than_that_of_the_runs_page(place, tmp_path, capsys):
    for name in ("run", "data"):
        shutil.copytree(place / name, name)
    now_with(tmp_path / "run", data_dir=str(tmp_path / "data"))
    (tmp_path / "run/report.html").write_text("the page of the training")
    page = tmp_path / "run/evaluation-test/report.html"
    assert evaluate(["--model_path", "run"]) == 0
    assert "note: the run's own report shows these images" in capsys.readouterr().out
    assert not page.exists()
    first, *rest = read_images(tmp_path / "run/test_images.npz").keys
    write_tree(tmp_path / "data", {f"masks/{first}.png": square_mask(0)})
    assert evaluate(["--model_path", "run"]) == 0
    said = capsys.readouterr().out.replace("\n  ", " ")
    assert page.exists()
    assert "the run's own report shows these images" not in said
    told = f"gone or changed: 1 of {1 + len(rest)} images, new: 1"
    assert f"note: the test part has changed since the run was tested; {told}" in said.splitlines()


def test_photographs_beside_the_masks_are_no_masks_that_folds_could_test(place, tmp_path, capsys):
    shutil.copytree(place / "run", "run")
    images = json.loads((tmp_path / "run/data.json").read_text())
    images["unlabelled"] = {f"photo_{i}": f"{i}" for i in range(2000)}
    (tmp_path / "run/data.json").write_text(json.dumps(images))
    assert evaluate(["--model_path", "run"]) == 0
    assert "--folds 5" in capsys.readouterr().out


def test_masks_of_other_values_are_read_by_classes(place, tmp_path, capsys):
    write_other(tmp_path / "other", value=7)
    words = ["--model_path", place / "run", "--data_dir", "other"]
    assert "holds the values 7" in refusal(evaluate, [*words, "--output_dir", "none"], capsys)
    (tmp_path / "c.yaml").write_text(CLASSES.replace("255", "7"))
    assert scored([*words, "--classes", "c.yaml"])["scored"]["images"] == 5
    (tmp_path / "d.yaml").write_text(CLASSES.replace("pet", "leaf").replace("255", "7"))
    said = refusal(evaluate, [*words, "--classes", "d.yaml", "--output_dir", "none"], capsys)
    assert "knows the classes ground, pet, the data has ground, leaf" in said


def test_masks_of_other_names_are_found_by_patterns(place, tmp_path):
    write_other(tmp_path / "other", ("scans", "truth"))
    flags = ["--images", "scans/*.jpg", "--masks", "truth/{stem}.png"]
    assert scored(["--model_path", place / "run", "--data_dir", "other", *flags])["scored"]["images"] == 5


def test_runs_are_compared_though_their_file_of_classes_is_gone(place, tmp_path):
    shutil.copytree(place / "run", "again")
    assert compare([str(place / "run"), "again", "--output", "comparison"]) == 0


def test_data_sets_of_one_name_do_not_replace_the_scores_of_each_other(place, tmp_path, capsys):
    shutil.copytree(place / "run", "run")
    words = ["--model_path", "run", "--no_report", "--data_dir"]
    for site in ("a", "b"):
        write_other(tmp_path / site / "labelled")
    assert evaluate([*words, "a/labelled"]) == 0
    assert evaluate([*words, str(tmp_path / "a/labelled")]) == 0, "it is the same place"
    capsys.readouterr()
    held = f"run/evaluation-labelled holds the scores of {tmp_path / 'a/labelled'}: name another folder"
    assert held in refusal(evaluate, [*words, "b/labelled"], capsys)
    shutil.move("a/labelled", "moved")
    assert evaluate([*words, "b/labelled"]) == 0, "those images are there no more"
