"""What segments in `transfer.predict` can be exchanged, and torch is one of the things that can."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import photo, write_tree

from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import save_handover
from common.run.records import SegmentationRecord
from tests.records import segmentation_handover
from transfer.model import SegmentationNet
from transfer.predict.load import load_network
from transfer.predict.network import Plan
from transfer.segmenter import load_model

SIZES = [(40, 50), (97, 33)]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The file of an untrained network for three classes of images of 64 x 64 pixels."""
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 6, 8), norm="batch", dropout=(0.0, 0.0, 0.0))
    decoder = UNetDecoder(encoder.channels, encoder.strides, norm="batch", dropout=(0.0, 0.0))
    net = SegmentationNet(encoder, decoder, num_classes=3)
    path = tmp_path_factory.mktemp("model") / "best.pth"
    save_handover(segmentation_handover(net, SegmentationRecord(("background", "cat", "dog"))), path)
    return path


def whole(pieces, size):
    """Mask and probabilities of an image, and in how many pieces each of its pixels lies."""
    mask, chances, times = np.zeros(size, np.uint8), np.zeros((3, *size), np.float32), np.zeros(size)
    for rows, columns, part, probabilities, uncertainty in pieces:
        mask[rows, columns], chances[:, rows, columns] = part, probabilities
        times[rows, columns] += 1
        assert uncertainty is None
    return mask, chances, times


@pytest.mark.parametrize("tile", [None, 32])
def test_pieces_are_together_what_the_model_predicts(file, tile, monkeypatch):
    monkeypatch.setattr("common.strips.STRIP", 300)  # several pieces for each image
    network, model = load_network(Plan((file,), "cpu", tile)), load_model(file, "cpu", tile=tile)
    assert network.own_size == (tile is not None)
    images = [photo(seed, height=height, width=width) for seed, (height, width) in enumerate(SIZES)]
    if tile is None:
        small = np.stack([network.input.fitting.image(image) for image in images])
        found = network.segment(small, SIZES, probabilities=True)
    else:
        found = (network.segment_whole(image, batch_size=2, probabilities=True) for image in images)
    for image, size, pieces in zip(images, SIZES, found, strict=True):
        mask, chances, times = whole(pieces, size)
        expected = model.predict(image, probabilities=True)
        assert (times == 1).all()
        assert chances == pytest.approx(expected.probabilities, abs=1e-6)
        assert np.array_equal(mask, chances.argmax(0))
        assert (mask == expected.mask).mean() > 0.999


def test_predict_needs_no_torch_before_the_network_does(file, tmp_path):
    write_tree(tmp_path / "in", {"x.png": photo(1)})
    code = f"""
import sys
from pathlib import Path
import numpy as np
from common.run.input import Input
from transfer.predict import prediction
from transfer.predict.__main__ import main

class Bright:
    names, background, input, own_size = ("dark", "bright"), 0, Input(8), True

    def segment_whole(self, image, *, batch_size, probabilities):
        mask = (image.mean(2) > 128).astype(np.uint8)
        yield prediction.Piece(slice(0, mask.shape[0]), slice(0, mask.shape[1]), mask, None, None)

prediction.load_network = lambda plan: Bright()
words = ["--model_path", {str(file)!r}, "--input", {str(tmp_path / "in")!r}, "--output", {str(tmp_path / "out")!r}]
assert main(words) == 0
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/masks/x.png").exists()


@pytest.mark.parametrize("plan", [Plan((Path("best.pth"), Path("b.onnx"))), Plan((Path("b.onnx"),), tta="flip")])
def test_an_onnx_file_is_neither_averaged_nor_seen_in_several_views(plan):
    with pytest.raises(UserError, match=r"^b\.onnx is run alone and in one view by onnxruntime"):
        load_network(plan)
