"""Images of all kinds, and what no image is."""

import numpy as np
import pytest
from datasets import photo, write_tree
from PIL import Image
from segmenters import pixels, write_segmenter

from transfer.predict.__main__ import main as predict


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_segmenter(tmp_path_factory.mktemp("model") / "best.pth")


def run(*words) -> int:
    return predict([str(word) for word in words])


def test_grey_deep_clear_and_printed_images_are_segmented_and_others_named(model, tmp_path, capsys):
    image = Image.fromarray(photo(1))
    kinds = {"L": "png", "LA": "png", "RGBA": "png", "P": "png", "1": "png", "CMYK": "jpg", "CMYK.": "tif"}
    (tmp_path / "in").mkdir()
    for mode, suffix in kinds.items():
        image.convert(mode.strip(".")).save(tmp_path / f"in/{mode}{suffix}.{suffix}")
    Image.fromarray(photo(1)[..., 0].astype(np.uint16) * 257).save(tmp_path / "in/deep.png")
    (tmp_path / "in/words.jpg").write_text("no image")
    (tmp_path / "in/empty.png").touch()
    assert run("--model_path", model, "--input", tmp_path / "in", "--output", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "words.jpg: it is not an image, or ends too early" in said.out
    assert "empty.png: it is empty" in said.out
    assert "masks of 8 images, 2 could not be read" in said.out
    assert "1 image is of more than 8 bits" in said.err
    masks = {path.stem: pixels(path) for path in (tmp_path / "out/masks").iterdir()}
    assert {mask.shape for mask in masks.values()} == {(40, 50)}
    assert np.array_equal(masks["Lpng"], masks["LApng"])


def test_a_whole_image_in_pieces_gives_the_files_of_one_piece(model, tmp_path, monkeypatch):
    write_tree(tmp_path / "in", {"x.png": photo(1, height=90, width=120)})
    words = ["--model_path", model, "--input", tmp_path / "in", "--tta", "flip", "--format", "palette", "coco"]
    for folder in ("whole", "strips"):
        assert run(*words, "--output", tmp_path / folder, "--probabilities", "npy") == 0
        monkeypatch.setattr("common.strips.STRIP", 300)
    whole, strips = tmp_path / "whole", tmp_path / "strips"
    for name in ("masks/x.png", "coco.json"):
        assert (whole / name).read_bytes() == (strips / name).read_bytes(), name
    # some processors round the last pixels of a row in another way than those before
    levels = [pixels(folder / "uncertainty/x.png").astype(int) for folder in (whole, strips)]
    assert np.abs(levels[0] - levels[1]).max() <= 1
    probabilities = [np.load(folder / "probabilities/x.npy") for folder in (whole, strips)]
    np.testing.assert_allclose(*probabilities, rtol=0, atol=np.finfo(np.float16).eps)
