"""`transfer.analyze`: the doctor by its old name, with its old flags."""

import json

import pytest
from datasets import write_images_masks, write_oxford

from transfer.analyze.__main__ import main as analyze


def test_the_old_name_says_the_new_one_and_writes_where_it_did(tmp_path, capsys):
    write_images_masks(tmp_path / "data", 60)
    assert analyze(["--data_dir", "data", "--image_size", "40", "--hflip", "1", "--output", "out"]) == 0
    said = capsys.readouterr()
    assert "note: transfer.analyze is now common.doctor\n" in said.err
    assert "note: --output is now --output_dir\n" in said.err
    assert (tmp_path / "out/report.html").read_text().count(">augmented</th>") == 5
    assert analyze(["--data_dir", "data", "--image_size", "40"]) == 0
    assert (tmp_path / "analysis/report.html").exists()


def test_ignored_pixels_are_no_class(tmp_path):
    write_oxford(tmp_path / "pets", trainval=20, test=8)
    assert analyze(["--data_dir", "pets", "--image_size", "40", "--output_dir", "out"]) < 2
    found = json.loads((tmp_path / "out/findings.json").read_text())
    assert sum(one["pixels"] for one in found["classes"].values()) == pytest.approx(1)
    assert 0.05 < found["ignored_pixels"] < 0.3
    assert any("left out" in finding["sentence"] for finding in found["findings"])
