"""`transfer.predict` goes on where it stopped, and mixes no two calls."""

import csv
import json
import os
from io import StringIO

import numpy as np
import pytest
from datasets import photo, write_tree
from segmenters import pixels, write_segmenter

from transfer.predict.__main__ import main as predict


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_segmenter(tmp_path_factory.mktemp("model") / "best.pth")


@pytest.fixture
def call(model, tmp_path):
    write_tree(tmp_path / "in", {f"{name}.png": photo(seed) for seed, name in enumerate("abcd")})
    return ["--model_path", model, "--input", tmp_path / "in", "--output", tmp_path / "out"]


def run(*words) -> int:
    return predict([str(word) for word in words])


def times(folder) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.png")}


def age(folder) -> None:
    """Make all files look old, so that what is written anew is told by its time."""
    for path in folder.rglob("*.png"):
        os.utime(path, ns=(0, 0))


def test_the_same_call_again_writes_no_picture_but_all_tables(call, tmp_path, capsys):
    assert run(*call) == 0
    tables = {name: (tmp_path / "out" / name).read_bytes() for name in ("predictions.csv", "objects.csv")}
    age(tmp_path / "out")
    (tmp_path / "out/predictions.csv").unlink()
    capsys.readouterr()
    assert run(*call) == 0
    assert set(times(tmp_path / "out").values()) == {0}
    assert {name: (tmp_path / "out" / name).read_bytes() for name in tables} == tables
    assert "done before: 4 images" in capsys.readouterr().out


def test_only_what_is_missing_or_was_changed_is_done_again(call, tmp_path):
    assert run(*call) == 0
    first = pixels(tmp_path / "out/masks/c.png")
    age(tmp_path / "out")
    (tmp_path / "out/overlays/b.png").unlink()
    write_tree(tmp_path / "in", {"c.png": photo(9), "e.png": photo(5)})
    (tmp_path / "in/d.png").unlink()
    assert run(*call) == 0
    new = {name for name, time in times(tmp_path / "out/masks").items() if time}
    assert new == {"b.png", "c.png", "e.png"}
    assert not (tmp_path / "out/masks/d.png").exists()
    assert not np.array_equal(first, pixels(tmp_path / "out/masks/c.png"))
    with (tmp_path / "out/predictions.csv").open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == ["a", "b", "c", "e"]


def test_a_deep_image_that_moves_the_range_of_all_has_all_deep_ones_done_again(call, tmp_path):
    write_tree(
        tmp_path / "in",
        {
            "d.png": (photo(3)[..., 0] * np.uint16(16)).astype("uint16"),
            "e.png": (photo(4)[..., 0] * np.uint16(16)).astype("uint16"),
        },
    )
    assert run(*call) == 0
    age(tmp_path / "out")
    assert run(*call) == 0
    assert set(times(tmp_path / "out").values()) == {0}
    write_tree(tmp_path / "in", {"f.png": (photo(5)[..., 0] * np.uint16(240)).astype("uint16")})
    assert run(*call) == 0
    new = {name for name, time in times(tmp_path / "out/masks").items() if time}
    assert new == {"d.png", "e.png", "f.png"}


def test_an_image_that_was_changed_and_cannot_be_read_keeps_nothing_of_what_it_was(call, tmp_path, capsys):
    assert run(*call) == 0
    (tmp_path / "in/c.png").write_bytes(b"no image")
    assert run(*call) == 0
    assert "masks of 3 images, 1 could not be read" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").rglob("*.png")} == {"a.png", "b.png", "d.png"}
    for table in ("predictions.csv", "objects.csv"):
        with (tmp_path / "out" / table).open(newline="") as file:
            assert {row["image"] for row in csv.DictReader(file)} == {"a", "b", "d"}


def test_a_call_that_was_stopped_goes_on_with_the_rest_and_ends_as_one_that_was_not(call, tmp_path, monkeypatch):
    assert run(*call, "--batch_size", 1) == 0
    whole = {name: (tmp_path / "out" / name).read_bytes() for name in ("predictions.csv", "objects.csv")}
    journal = tmp_path / "out/finished.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:2]) + lines[2][:10])  # killed while it wrote the third
    for name in ("predictions.csv", "objects.csv", "masks/d.png"):
        (tmp_path / "out" / name).unlink()
    (tmp_path / "out/.unfinished").mkdir()
    (tmp_path / "out/.unfinished/0.png").write_bytes(b"half")
    age(tmp_path / "out")
    assert run(*call, "--batch_size", 1) == 0
    assert {name for name, time in times(tmp_path / "out/masks").items() if time} == {"c.png", "d.png"}
    assert {name: (tmp_path / "out" / name).read_bytes() for name in whole} == whole
    assert not (tmp_path / "out/.unfinished").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tta", "flip"], "holds the masks of a call with --tta none: use another --output, or --overwrite"),
        (["--min_confidence", "0.6", "--tile", "64"], "of a call without --tile and without --min_confidence:"),
        (["--format", "index"], "of a call with --format palette:"),
        (["--no_overlays"], "of a call with --overlays:"),
    ],
)
def test_other_settings_are_refused_unless_they_overwrite(words, said, call, tmp_path, capsys):
    assert run(*call) == 0
    assert run(*call, *words) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert run(*call, *words, "--overwrite") == 0
    assert run(*call, *words) == 0


def test_another_training_in_the_same_file_is_refused(call, tmp_path, capsys):
    file = write_segmenter(tmp_path / "mine.pth")
    words = ["--model_path", file, *call[2:]]
    assert run(*words) == 0
    write_segmenter(file, seed=3)
    assert run(*words) == 2
    assert "out holds the masks of another training of" in " ".join(capsys.readouterr().err.split())


def test_another_list_of_images_is_another_input(call, tmp_path, monkeypatch, capsys):
    write_tree(tmp_path / "other", {"a.png": photo(7), "b.png": photo(8)})
    words = [*call[:2], "--input", "-", *call[4:]]

    def listed(folder: str, names: str, *more: str) -> int:
        monkeypatch.setattr("sys.stdin", StringIO("\n".join(str(tmp_path / folder / f"{name}.png") for name in names)))
        return run(*words, *more)

    assert listed("in", "ab") == 0
    first = (tmp_path / "out/masks/a.png").read_bytes()
    for folder, names, said in (
        ("in", "bc", "of another list of images: use"),
        ("other", "ab", f"for - in {tmp_path}/in"),
    ):
        assert listed(folder, names) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    assert listed("in", "abc") == 0  # a longer list goes on
    assert (tmp_path / "out/masks/a.png").read_bytes() == first
    assert listed("other", "ab", "--overwrite") == 0
    assert {path.stem for path in (tmp_path / "out/masks").iterdir()} == {"a", "b"}


def test_overwriting_leaves_no_file_of_the_formats_before(call, tmp_path):
    assert run(*call, "--format", "index", "npz") == 0
    assert run(*call, "--overwrite") == 0
    assert not [
        path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.parent.name in ("index", "npz")
    ]
    assert json.loads((tmp_path / "out/predict.json").read_text())["settings"]["format"] == ["palette"]


def test_a_folder_of_many_images_is_read_and_written_without_holding_them(call, tmp_path, monkeypatch):
    monkeypatch.setattr("transfer.predict.behind.WAITING", 0)
    assert run(*call, "--batch_size", 1) == 0
    assert len(times(tmp_path / "out/masks")) == 4
