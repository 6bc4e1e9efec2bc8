"""An exported ONNX file in `transfer.predict`: the masks of the network that it was made of, without torch."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from datasets import photo, write_tree
from PIL import Image
from run_checks import refusal
from torch.nn import functional as F

from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import save_handover
from common.run.input import Input
from common.run.records import SegmentationRecord
from tests.records import segmentation_handover
from transfer.export.enlarged import enlarged
from transfer.export.formats import Material, write_onnx
from transfer.export.graph import deployed
from transfer.export.record import DeployedRecord
from transfer.model import SegmentationNet
from transfer.predict.__main__ import main as predict
from transfer.predict.load import load_network
from transfer.predict.network import Plan
from transfer.segmenter import load_model

INPUTS = {
    "squash": Input(16),
    "pad": Input(16, fit="pad"),
    "crop": Input(16, fit="crop"),
    "scaled": Input(16, fit="crop", scale_to=20),
}
TASK = SegmentationRecord(("ground", "cat", "dog"), temperature=1.7)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 6), norm="batch", dropout=(0.0, 0.0))
    decoder = UNetDecoder(encoder.channels, encoder.strides, norm="batch", dropout=(0.0,))
    return SegmentationNet(encoder, decoder, num_classes=3)


@pytest.fixture(scope="module")
def files(network, tmp_path_factory):
    """The network as best.pth and as ONNX, by how it takes images; the graph is the same in all."""
    folder, pairs = tmp_path_factory.mktemp("files"), {}
    for fit, taken in INPUTS.items():
        handover = segmentation_handover(network, TASK)
        ours, theirs = folder / f"{fit}.pth", folder / f"{fit}.onnx"
        save_handover(type(handover)(**{**vars(handover), "input": taken}), ours)
        record = DeployedRecord(
            task=TASK, palette=("#000000", "#e69f00", "#56b4e9"), input=taken, stride=2, least=4, labels="none",
            program="recon2seg", weights="0", masks=3,
        )  # fmt: skip
        if not pairs:
            write_onnx(Material(deployed(load_model(ours, "cpu")), handover, record), theirs)
        else:
            model = onnx.load(next(iter(pairs.values()))[1])
            del model.metadata_props[:]
            onnx.helper.set_model_props(model, record.metadata)
            onnx.save_model(model, theirs)
        pairs[fit] = ours, theirs
    return pairs


@pytest.fixture
def images(tmp_path):
    sizes = {"wide": (23, 61), "deep/tall": (70, 20), "one": (1, 1), "small": (9, 8)}
    return write_tree(
        tmp_path / "in",
        {f"{name}.png": photo(seed, height=size[0], width=size[1]) for seed, (name, size) in enumerate(sizes.items())},
    )


def masks(folder: Path) -> dict[str, np.ndarray]:
    paths = sorted((folder / "masks").rglob("*.png"))
    return {path.relative_to(folder).as_posix(): np.asarray(Image.open(path)) for path in paths}


@pytest.mark.parametrize(
    ("fit", "words"),
    [("squash", []), ("pad", []), ("crop", []), ("crop", ["--tile", 16]), ("scaled", []), ("squash", ["--tile", 32])],
)
def test_predict_writes_the_same_with_the_onnx_file_as_with_the_network(files, images, tmp_path, fit, words):
    for name, file in zip(("ours", "theirs"), files[fit], strict=True):
        flags = ["--model_path", file, "--input", images, "--output", tmp_path / name, "--device", "cpu", *words]
        assert predict([str(word) for word in flags]) == 0
    ours, theirs = masks(tmp_path / "ours"), masks(tmp_path / "theirs")
    assert ours.keys() == theirs.keys()
    assert len(ours) == 4
    assert sum((ours[name] != theirs[name]).sum() for name in ours) <= 2
    tables = [(tmp_path / name / "predictions.csv").read_text() for name in ("ours", "theirs")]
    assert [row[:3] for row in csv.reader(tables[0].splitlines())] == [
        row[:3] for row in csv.reader(tables[1].splitlines())
    ]


@pytest.mark.parametrize("fit", ["pad", "scaled"])
def test_probabilities_are_those_of_the_network_with_its_temperature(files, fit):
    image, size = photo(5, height=37, width=50), (37, 50)
    expected = load_model(files[fit][0], "cpu").predict(image, probabilities=True).probabilities
    network = load_network(Plan((files[fit][1],), "cpu"))
    if network.own_size:
        pieces = network.segment_whole(image, batch_size=1, probabilities=True)
    else:
        [pieces] = network.segment(network.input.fitting.image(image)[None], [size], probabilities=True)
    found = np.full((3, *size), np.nan, np.float32)
    for piece in pieces:
        found[:, piece.rows, piece.columns] = piece.probabilities
        assert np.array_equal(piece.mask, piece.probabilities.argmax(0))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "wanted"), [((5, 7), (5, 7)), ((5, 7), (40, 33)), ((9, 9), (3, 3)), ((9, 4), (2, 50))]
)
def test_logits_are_enlarged_as_torch_does_whatever_the_strips(size, wanted, monkeypatch):
    monkeypatch.setattr("common.strips.STRIP", 100)
    logits = np.random.default_rng(0).normal(size=(5, *size)).astype(np.float32)
    blocks = list(enlarged(logits, wanted))
    assert [block.rows.stop for block in blocks[:-1]] == [block.rows.start for block in blocks[1:]]
    found = np.concatenate([block.logits for block in blocks], axis=1)
    expected = F.interpolate(torch.from_numpy(logits)[None], wanted, mode="bilinear", align_corners=False)[0]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_a_machine_without_torch_predicts_with_the_onnx_file(files, images, tmp_path):
    blocker = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'torchvision', 'kornia'): raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from transfer.predict.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    for fit in ("squash", "scaled"):
        words = ["--model_path", files[fit][1], "--input", images, "--output", tmp_path / fit]
        command = [sys.executable, "-c", blocker, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "next:" not in done.stdout  # what else there is needs torch
        assert len(masks(tmp_path / fit)) == 4


def test_what_is_no_such_file_is_refused_in_one_sentence(files, images, tmp_path, capsys):
    model = onnx.load(files["squash"][1])
    del model.metadata_props[:]
    onnx.save_model(model, tmp_path / "other.onnx")
    onnx.helper.set_model_props(model, {"recon2seg": '{"version": 9}'})
    onnx.save_model(model, tmp_path / "newer.onnx")
    onnx.helper.set_model_props(model, {"recon2seg": "{"})
    onnx.save_model(model, tmp_path / "damaged.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"x")
    ours = files["squash"][1]
    for words, sentence in (
        (["--model_path", "nowhere.onnx"], "there is no file nowhere.onnx: check --model_path"),
        (["--model_path", "broken.onnx"], "broken.onnx cannot be run by onnxruntime"),
        (["--model_path", "other.onnx"], "other.onnx is not a network of this program"),
        (["--model_path", "newer.onnx"], "newer.onnx has version 9 of the record, this program reads 1"),
        (["--model_path", "damaged.onnx"], "damaged.onnx cannot be used"),
        (["--model_path", ours, "--device", "cuda:1"], "cuda"),
        (["--model_path", ours, "--device", "mps"], "mps"),
        (["--model_path", ours, "--overlap", 4], "--overlap 4 needs --tile N"),
        (["--model_path", ours, "--tile", 15], "--tile 15: this network takes sides that are multiples of 2"),
    ):
        assert sentence in refusal(predict, [*words, "--input", images, "--output", "out"], capsys), words
