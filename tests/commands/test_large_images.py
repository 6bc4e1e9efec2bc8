"""Images that a network segments at their own size: in one piece, or by windows."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import photo, write_tree
from PIL import Image

from common.data.decode import read_image
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import save_handover
from common.run.records import SegmentationRecord
from common.tiles import Tiling
from tests.records import segmentation_handover
from transfer.model import SegmentationNet
from transfer.predict.__main__ import main as predict
from transfer.segmenter import load_model


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """The file of an untrained network of stride 4 for three classes of images of 64 x 64 pixels."""
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 6, 8), norm="batch", dropout=(0.0, 0.0, 0.0))
    decoder = UNetDecoder(encoder.channels, encoder.strides, norm="batch", dropout=(0.0, 0.0))
    net = SegmentationNet(encoder, decoder, num_classes=3)
    with torch.no_grad():
        logits = net.eval()(torch.from_numpy(photo(0, height=64, width=64)).permute(2, 0, 1)[None].float() / 255)
        list(net.head.parameters())[-1].sub_(logits.mean((0, 2, 3)))  # so that it predicts every class
    path = tmp_path_factory.mktemp("model") / "best.pth"
    save_handover(segmentation_handover(net, SegmentationRecord(("background", "cat", "dog"))), path)
    return path


@pytest.fixture
def images(tmp_path) -> Path:
    pictures = {"wide.jpg": photo(1, height=50, width=231), "tall.png": photo(2, height=197, width=40)}
    return write_tree(tmp_path / "in", pictures | {"small.png": photo(3, height=9, width=5)})


def run(*words) -> int:
    return predict([str(word) for word in words])


def values(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def in_one_piece(net: SegmentationNet, image: np.ndarray) -> np.ndarray:
    """The likeliest class of each pixel of an image whose sides are multiples of 4."""
    with torch.no_grad():
        return net(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)[0].argmax(0).numpy()


def test_an_image_that_fits_is_segmented_in_one_piece_at_its_own_size(model, tmp_path):
    image = photo(4, height=96, width=128)
    write_tree(tmp_path, {"x.png": image})
    assert run("--model_path", model, "--input", tmp_path / "x.png", "--output", tmp_path / "out", "--tile", 128) == 0
    expected = in_one_piece(load_model(model, "cpu").fast, image)
    assert np.array_equal(values(tmp_path / "out/masks/x.png"), expected)
    assert len(np.unique(expected)) > 1
    assert np.array_equal(load_model(model, "cpu", tile=128).predict(image).mask, expected)


def test_a_larger_one_is_segmented_by_windows_with_the_same_inside(model, tmp_path):
    image = photo(5, height=200, width=333)
    windows = load_model(model, "cpu", tile=96, overlap=40).predict(image, probabilities=True)
    whole = load_model(model, "cpu", tile=1024).predict(image, probabilities=True)
    assert windows.mask.shape == whole.mask.shape == (200, 333)
    assert windows.probabilities is not None
    first = Tiling(stride=4, least=8, tile=96, overlap=40)
    down, across = (first.along(side).starts[1] for side in (200, 333))
    inside = np.s_[:, :down, :across]  # one window alone covers these, 40 pixels from its edges
    assert whole.probabilities is not None
    assert np.allclose(windows.probabilities[inside], whole.probabilities[inside], atol=1e-5)
    assert (windows.mask == whole.mask).mean() > 0.97
    assert np.array_equal(windows.mask, windows.probabilities.argmax(0))
    assert windows.probabilities.sum(0) == pytest.approx(1, abs=1e-5)


def test_masks_overlays_and_tables_have_the_size_of_their_images(model, images, tmp_path, capsys):
    words = ["--model_path", model, "--input", images, "--tile", 64, "--overlap", 16, "--min_object_area", 0]
    assert run(*words, "--output", tmp_path / "out") == 0
    segmenter = load_model(model, "cpu", tile=64, overlap=16)
    for name in ("wide.jpg", "tall.png", "small.png"):
        mask = values((tmp_path / "out/masks" / name).with_suffix(".png"))
        image = read_image(images / name)
        assert np.array_equal(mask, segmenter.predict(images / name).mask)
        overlay = values((tmp_path / "out/overlays" / name).with_suffix(".png"))
        assert np.array_equal(overlay[mask == 0], image[mask == 0])
        assert overlay.shape == image.shape
    rows = (tmp_path / "out/objects.csv").read_text().splitlines()[1:]
    assert sum(int(row.split(",")[2]) for row in rows) > 0
    assert "masks of 3 images" in capsys.readouterr().out


def test_images_too_large_to_wait_are_read_when_they_are_segmented(model, images, tmp_path, monkeypatch, capsys):
    words = ["--model_path", model, "--input", images, "--tile", 64]
    assert run(*words, "--output", tmp_path / "held") == 0
    monkeypatch.setattr("transfer.predict.photos.HELD", 0)
    monkeypatch.setattr("common.data.decode.LARGE", 0)
    cut = (images / "tall.png").read_bytes()
    (images / "cut.png").write_bytes(cut[: len(cut) // 2])
    assert run(*words, "--output", tmp_path / "read") == 0
    said = capsys.readouterr().out
    assert "left out: cannot read the image file" in said
    assert "masks of 3 images, 1 could not be read" in said
    for name in ("wide", "tall", "small"):
        assert np.array_equal(values(tmp_path / f"held/masks/{name}.png"), values(tmp_path / f"read/masks/{name}.png"))
    assert json.loads((tmp_path / "read/classes.json").read_text())["names"] == ["background", "cat", "dog"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tile", 66), "--tile 66: this network takes sides that are multiples of 4 and at least 8; take 64 or 68"),
        (("--tile", 4), "--tile 4: this network takes sides that are multiples of 4 and at least 8; take 8"),
        (("--tile", 0), "--tile"),
        (("--tile", "large"), "--tile"),
        (("--tile", 64, "--overlap", 64), "--overlap 64: windows of 64 pixels share 0 to 63"),
        (("--tile", 64, "--overlap", -1), "--overlap"),
        (("--overlap", 16), "--overlap 16 needs --tile N: else images are resized to 64 x 64 pixels"),
        (("--max_pixels", 0), "--max_pixels"),
        (("--max_pixels", 10**12), "--max_pixels"),
        (("--tile", 64, "--max_pixels", 400), "x.png: its 420 pixels are more than 400 (--max_pixels); shrink it"),
        (("--max_pixels", 400), "x.png: its 420 pixels are more than 400 (--max_pixels); shrink it"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(words, said, model, tmp_path, capsys):
    write_tree(tmp_path, {"x.png": photo(1, height=20, width=21)})
    assert run("--model_path", model, "--input", tmp_path / "x.png", "--output", tmp_path / "out", *words) == 2
    error = capsys.readouterr().err
    assert said in " ".join(error.split())
    assert not (tmp_path / "out/classes.json").exists()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_limit_of_pixels_can_be_raised_and_holds_for_one_command(model, tmp_path, monkeypatch, capsys):
    write_tree(tmp_path / "in", {"x.png": photo(1, height=20, width=21), "y.png": photo(1, height=20, width=20)})
    words = ["--model_path", model, "--input", tmp_path / "in", "--tile", 64]
    assert run(*words, "--output", tmp_path / "one", "--max_pixels", 400) == 0
    said = capsys.readouterr().out
    assert "x.png: its 420 pixels are more than 400 (--max_pixels)" in said
    assert "masks of 1 image, 1 could not be read" in said
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    assert run(*words, "--output", tmp_path / "two", "--max_pixels", 420) == 0
    assert "masks of 2 images" in capsys.readouterr().out
    assert Image.MAX_IMAGE_PIXELS == 200
