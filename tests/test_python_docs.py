"""docs/python.md does what it says: its blocks run, each by itself, on runs that the test makes."""

from pathlib import Path

import pytest
from code_blocks import ROOT, code_blocks
from datasets import photo, write_tree
from tiny import SYNTHETIC, TINY

from pretrain.main import main as pretrain
from transfer.main import main as transfer

BLOCKS = code_blocks(ROOT / "docs" / "python.md", "python")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with runs/ae, runs/seg and photographs."""
    folder = tmp_path_factory.mktemp("docs")
    words = [*TINY, *SYNTHETIC, "--epochs", "1"]
    assert pretrain([*words, "--output_dir", str(folder / "runs/ae")]) == 0
    assert transfer([*words, "--output_dir", str(folder / "runs/seg")]) == 0
    write_tree(folder, {"photo.jpg": photo(1), "photos/a.jpg": photo(2), "photos/b.jpg": photo(3)})
    return folder


def test_there_are_blocks():
    assert len(BLOCKS) >= 6


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_a_block_runs_by_itself(index, folder, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(BLOCKS[index], f"docs/python.md, block {index}", "exec"), {})
