"""Handover files as safetensors: all that best.pth and ae.pth say, taken wherever these are."""

import json

import pytest
import torch
from run_checks import same
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from common.errors import UserError
from common.models.encoder import UNetEncoder
from common.models.given import read_weights
from common.models.published import BilinearDecoder
from common.models.recognised import of_another_program
from common.run.checkpoint import input_of, load_handover, save_handover
from common.run.exported import read_export
from common.run.records import SegmentationRecord
from common.run.safe_file import ENTRY
from pretrain import load_encoder
from tests.records import segmentation_handover
from transfer import load_model
from transfer.model import SegmentationNet


@pytest.fixture
def files(tmp_path):
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 6), norm="batch", dropout=(0.0, 0.0))
    decoder = BilinearDecoder(encoder.channels, encoder.strides, widths=(4,), dropout=(0.0,))
    handover = segmentation_handover(SegmentationNet(encoder, decoder, num_classes=2), SegmentationRecord(("a", "b")))
    paths = tmp_path / "best.pth", tmp_path / "best.safetensors"
    for path in paths:
        save_handover(handover, path)
    return paths


def test_a_handover_comes_back_as_it_was(files):
    ours, theirs = (load_handover(path, kind="segmentation") for path in files)
    assert same(ours.sections, theirs.sections)
    assert {**vars(ours), "sections": 0} == {**vars(theirs), "sections": 0}
    assert input_of(files[1]) == ours.input
    assert load_model(files[1]).names == ("a", "b")
    assert load_encoder(files[1]).channels == (4, 6)


def test_other_programs_read_the_tensors_by_their_names(files):
    tensors = load_file(files[1])
    assert torch.equal(
        tensors["encoder.stages.0.0.weight"], load_handover(files[0]).sections["encoder"]["stages.0.0.weight"]
    )
    with safe_open(files[1], "pt") as file:
        assert json.loads(file.metadata()[ENTRY])["task"]["names"] == ["a", "b"]


def test_it_is_a_file_of_this_program_and_no_encoder_alone(files):
    assert not of_another_program(files[1])
    assert read_export(files[1]) is None
    with pytest.raises(UserError, match="is a file of this program: give it with --pretrained_encoder"):
        read_weights(files[1])


def test_what_was_changed_or_is_another_file_is_refused(files, tmp_path):
    tensors = load_file(files[1])
    with safe_open(files[1], "pt") as file:
        header = file.metadata()
    tensors["encoder.stages.0.0.weight"][0] = 7
    save_file(tensors, tmp_path / "changed.safetensors", header)
    save_file(tensors, tmp_path / "other.safetensors", {})
    save_file(tensors, tmp_path / "damaged.safetensors", {ENTRY: "{"})
    newer = {**json.loads(header[ENTRY]), "version": 9}
    save_file(tensors, tmp_path / "newer.safetensors", {ENTRY: json.dumps(newer)})
    (tmp_path / "broken.safetensors").write_bytes(b"x")
    for name, sentence in {
        "changed": "was changed or damaged after it was written",
        "other": "is not a handover file of this program",
        "damaged": "cannot read",
        "newer": "has format version 9, this program reads 1",
        "broken": "cannot read",
        "nowhere": "cannot read",
    }.items():
        with pytest.raises(UserError, match=sentence):
            load_handover(tmp_path / f"{name}.safetensors")
