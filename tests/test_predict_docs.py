"""docs/predict.md does what it says: its commands run, one after the other, on files that the test makes."""

import io
import shlex
from pathlib import Path

import pytest
from code_blocks import ROOT, code_blocks
from datasets import photo, write_tree
from segmenters import write_segmenter

from transfer.predict.__main__ import main as predict

START = "python -m transfer.predict "
LINES = [line for block in code_blocks(ROOT / "docs" / "predict.md") for line in block.splitlines() if START in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with four runs and images."""
    folder = tmp_path_factory.mktemp("docs")
    for seed, name in enumerate(("seg", "a", "b", "c")):
        write_segmenter(folder / "runs" / name / "best.pth", seed=seed)
    names = ("photo.jpg", "IMAGES/x.jpg", "SCANS/y.png", "SCENES/z.tif", "scans/deep/v.tif", "scans/w.png")
    return write_tree(folder, {name: photo(seed) for seed, name in enumerate(names)})


def test_there_are_commands():
    assert len(LINES) >= 8


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_runs(line, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin", io.StringIO("scans/w.png\n"))  # what `find` before a pipe would say
    words = shlex.split(line.partition(START)[2])
    output = words.index("--output") + 1
    words[output] = str(tmp_path / words[output])
    assert predict(words) == 0
    assert len((tmp_path / words[output] / "predictions.csv").read_text().splitlines()) == 2
