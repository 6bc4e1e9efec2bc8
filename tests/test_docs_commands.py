"""The pages on a trained network do what they say: their commands run, one after the other, on what the test makes."""

import io
import shlex
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from code_blocks import ROOT, code_blocks
from datasets import photo, write_tree
from tiny import SYNTHETIC, TRANSFER

from recon2seg.__main__ import COMMANDS
from transfer.main import main as transfer

DOORS = {entry.module.removesuffix(".__main__"): entry.module for entry in COMMANDS.values()}
RUNS = ("seg", "a", "b", "c", "with_suggestions")
"""The runs that the pages speak of."""
IMAGES = (
    *("photo.jpg", "IMAGES/x.jpg", "IMAGES/y.png", "PHOTOGRAPHS/x.jpg", "PHOTOGRAPHS/y.jpg", "SCANS/y.png"),
    *("SCENES/z.tif", "scans/deep/v.tif", "scans/w.png"),
)


def commands(page: str) -> Iterator[tuple[str, list[str]]]:
    """The commands on trained networks in the blocks of a page: module and words. Trainings are tested elsewhere."""
    for block in code_blocks(ROOT / "docs" / f"{page}.md"):
        for line in block.splitlines():
            _, start, rest = line.partition("python -m ")
            module, *words = shlex.split(rest) or [""]
            if start and module in DOORS and module != "transfer.main":
                yield module, words


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("docs") / "seg"
    assert transfer([*TRANSFER, *SYNTHETIC, "--output_dir", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("page", ["predict", "suggest", pytest.param("export", marks=pytest.mark.slow)])
def test_the_commands_of_a_page_run_one_after_the_other(page, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path, {name: photo(seed) for seed, name in enumerate(IMAGES)})
    for name in RUNS:
        shutil.copytree(trained, tmp_path / "runs" / name)
    found = list(commands(page))
    assert len(found) >= 3
    for module, words in found:
        monkeypatch.setattr("sys.stdin", io.StringIO("scans/w.png\n"))  # what `find` before a pipe would say
        assert import_module(DOORS[module]).main(words) == 0, words
