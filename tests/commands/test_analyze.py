"""`transfer.analyze`: the numbers of a labelled data set, counted by hand."""

import json

import cv2
import numpy as np
import pytest
from datasets import photo, square_mask, write_oxford, write_tree

from transfer.analyze.__main__ import main as analyze
from transfer.analyze.analysis import channel_moments


def numbers(folder) -> dict:
    return json.loads((folder / "analysis.json").read_text())


def test_channel_moments_equal_numpys():
    images = np.random.default_rng(0).integers(0, 256, (600, 5, 7, 3), dtype=np.uint8)
    mean, std = channel_moments(images)
    np.testing.assert_allclose(mean, (images / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, (images / 255).std((0, 1, 2)), rtol=1e-12)


def test_sizes_colours_and_classes_are_counted(tmp_path, capsys):
    grey = {i: np.full((40, 50 + 10 * (i % 2), 3), 51 * (1 + i % 2), dtype=np.uint8) for i in range(20)}
    masks = {i: square_mask(255, height=40, width=50 + 10 * (i % 2)) for i in range(20)}
    write_tree(tmp_path / "data", {f"images/{i}.png": picture for i, picture in grey.items()})
    write_tree(tmp_path / "data", {f"masks/{i}.png": mask for i, mask in masks.items()})
    (tmp_path / "data/splits.csv").write_text(
        "stem,split\n" + "".join(f"{i},{'train' if i < 16 else 'val' if i < 18 else 'test'}\n" for i in range(20))
    )
    words = ["--data_dir", str(tmp_path / "data"), "--image_size", "40", "--output", str(tmp_path / "out")]
    assert analyze(words) == 0
    found = numbers(tmp_path / "out")
    assert found["images"] == {"train": 16, "val": 2, "test": 2}
    assert found["original_sizes"]["width"] == [50, 55, 60]
    assert found["original_sizes"]["aspect"] == [1.25, 1.375, 1.5]
    assert found["pixels"]["mean"] == pytest.approx(0.3)
    assert found["pixels"]["std"] == pytest.approx(0.1)
    assert found["classes"]["foreground"]["pixels"] == pytest.approx(0.26, abs=0.03)
    assert found["classes"]["foreground"]["images"] == 1
    assert found["ignored_pixels"] == 0
    picture = cv2.imread(str(tmp_path / "out/analysis.png"))
    assert picture.std() > 10
    said = capsys.readouterr().out
    assert "mean 0.3000, standard deviation 0.1000" in said
    assert "Guessing background for every pixel has mean IoU 0.3" in said
    assert "warning: too few to tell: 2 test images" in said
    assert said.splitlines()[-1].endswith(" --image_size 40 --folds 5 --output_dir runs/seg")


def test_ignored_pixels_are_no_class_and_notes_are_kept(tmp_path):
    write_oxford(tmp_path / "pets")
    words = ["--data_dir", str(tmp_path / "pets"), "--image_size", "40", "--output", str(tmp_path / "out")]
    assert analyze(words) == 0
    found = numbers(tmp_path / "out")
    assert sum(one["pixels"] for one in found["classes"].values()) == pytest.approx(1)
    assert 0.05 < found["ignored_pixels"] < 0.3
    assert any("left out" in note for note in found["notes"])


@pytest.mark.slow
def test_the_embedded_data_can_be_looked_at_too(tmp_path):
    assert analyze(["--image_size", "64", "--synthetic_count", "40", "--output", str(tmp_path / "out")]) == 0
    assert numbers(tmp_path / "out")["original_sizes"]["width"] == [64, 64, 64]


def test_images_without_masks_are_refused(tmp_path, capsys):
    write_tree(tmp_path / "photos", {"1.png": np.zeros((8, 8, 3), dtype=np.uint8)})
    assert analyze(["--data_dir", str(tmp_path / "photos"), "--output", str(tmp_path / "out")]) == 2
    assert "holds 1 image but no masks" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_test_image_that_was_saved_again_among_the_training_images_is_named(tmp_path, capsys):
    pictures = {i: photo(i) for i in range(20)}
    write_tree(tmp_path / "data", {f"images/{i}.png": picture for i, picture in pictures.items()})
    cv2.imwrite(str(tmp_path / "data/images/19.png"), np.ascontiguousarray(pictures[3][:, ::-1, ::-1]))
    write_tree(tmp_path / "data", {f"masks/{i}.png": square_mask(255) for i in range(20)})
    splits = "".join(f"{i},{'train' if i < 16 else 'val' if i < 18 else 'test'}\n" for i in range(20))
    (tmp_path / "data/splits.csv").write_text("stem,split\n" + splits)
    words = ["--data_dir", str(tmp_path / "data"), "--image_size", "64", "--output", str(tmp_path / "out")]
    assert analyze(words) == 0
    assert numbers(tmp_path / "out")["near_duplicates"] == {"train": [["3", "19"]], "val": []}
    assert "test images that nearly equal others: 3 (train) and 19" in capsys.readouterr().out
