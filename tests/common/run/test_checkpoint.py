import resource
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import (
    AutoencoderHandover,
    SegmentationHandover,
    digest,
    load_handover,
    save_handover,
)
from common.run.records import PretrainingRecord, Provenance, SegmentationProvenance, SegmentationRecord
from common.tensor_files import load_tensors, save_atomically
from pretrain.model import Autoencoder
from tests.records import ORIGIN, RECEIPT, autoencoder_handover

MADE_BEFORE = Path(__file__).parents[2] / "made_before/transfer"


def handover() -> AutoencoderHandover:
    encoder = UNetEncoder(widths=(2, 2), dropout=(0.0, 0.0))
    model = Autoencoder(encoder, UNetDecoder(encoder.channels, encoder.strides, dropout=(0.0,)))
    first = PretrainingRecord(pretext="mask", settings={"mask_ratio": 0.6}, target="hog", uses_labels=True)
    return replace(
        autoencoder_handover(model, PretrainingRecord(pretext="plain", pseudo_mask_weight=0.5, before=first)),
        provenance=Provenance(config={"lr": 0.1, "data_dir": None}, environment={}, validation={"epoch": 3}),
    )


def segmenter() -> SegmentationHandover:
    """The same network as one for two classes, which began with an autoencoder."""
    file = handover()
    return SegmentationHandover(
        sections=file.sections,
        architecture=file.architecture,
        input=file.input,
        task=SegmentationRecord(("background", "pet"), {"0": 0, "255": 255}),
        provenance=SegmentationProvenance(**ORIGIN, encoder=replace(RECEIPT, pretraining=file.task)),
    )


@pytest.mark.parametrize("written", [handover(), segmenter()], ids=["autoencoder", "segmentation"])
def test_a_handover_file_comes_back_whole(written, tmp_path):
    save_handover(written, tmp_path / "ae.pth")
    read = load_handover(tmp_path / "ae.pth", kind=written.kind)
    assert replace(read, sections={}) == replace(written, sections={})
    for name, section in written.sections.items():
        assert section.keys() == read.sections[name].keys()
        assert all(torch.equal(section[key], read.sections[name][key]) for key in section)


def test_nothing_but_the_file_itself_is_left_in_the_folder(tmp_path):
    save_handover(handover(), tmp_path / "ae.pth")
    save_handover(handover(), tmp_path / "ae.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["ae.pth"]


@pytest.mark.parametrize("change", ["a weight", "the architecture", "the task"])
def test_a_changed_file_is_refused(change, tmp_path):
    path = tmp_path / "ae.pth"
    save_handover(handover(), path)
    content = torch.load(path, weights_only=True)
    if change == "a weight":
        content["sections"]["encoder"]["mean"][0] += 1e-6
    elif change == "the architecture":
        content["architecture"]["encoder"]["widths"][0] = 3
    else:
        content["task"]["pretext"] = "mask"
    torch.save(content, path)
    with pytest.raises(UserError, match="changed or damaged"):
        load_handover(path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half a zip"])
def test_a_file_that_is_no_checkpoint_is_refused(content, tmp_path):
    path = tmp_path / "ae.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"ae\.pth is not a checkpoint"):
        load_handover(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "ae.pth"
    save_handover(handover(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match="is not a checkpoint"):
        load_handover(path)


@pytest.mark.parametrize("content", [{"weight": torch.zeros(1)}, [1, 2], {"format": "recon2seg", "version": 1}])
def test_somebody_elses_checkpoint_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "ae.pth")
    with pytest.raises(UserError, match="not a handover file"):
        load_handover(tmp_path / "ae.pth")


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("trapped",))

    torch.save({"format": Trap()}, tmp_path / "ae.pth")
    with pytest.raises(UserError, match="is not a checkpoint"):
        load_tensors(tmp_path / "ae.pth")


def test_a_missing_file_and_the_wrong_kind_are_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*nowhere\.pth"):
        load_handover(tmp_path / "nowhere.pth")
    save_handover(handover(), tmp_path / "ae.pth")
    with pytest.raises(UserError, match=r"ae\.pth is a file of phase 1; give the best\.pth of transfer\.main"):
        load_handover(tmp_path / "ae.pth", kind="segmentation")
    save_handover(segmenter(), tmp_path / "best.pth")
    with pytest.raises(UserError, match=r"best\.pth is a file of phase 2; give the ae\.pth of pretrain\.main"):
        load_handover(tmp_path / "best.pth", kind="autoencoder")


def rewrite(path, entry: str, value=None, *, drop: bool = False) -> None:
    """Change one entry of a handover file, whose digest then fits it: what another program might have written."""
    content = torch.load(path, weights_only=True)
    content.pop("digest")
    *folders, name = entry.split(".")
    inside = content
    for folder in folders:
        inside = inside[folder]
    if drop:
        del inside[name]
    else:
        inside[name] = value
    signed = "" if entry.startswith("sections") else digest(content)  # only tensors have a digest
    torch.save({**content, "digest": signed}, path)


NEEDED = {
    "autoencoder": ["task.pretext", "task.before.pretext"],
    "segmentation": ["task.names", "provenance.encoder", "provenance.encoder.source", "provenance.encoder.loaded"],
}
IN_BOTH = [
    "kind", "sections", "architecture", "architecture.encoder", "architecture.decoder", "input", "input.image_size",
    "task", "provenance", "provenance.config", "provenance.environment", "provenance.validation",
    "provenance.validation.epoch",
]  # fmt: skip
WRITE = {"autoencoder": handover, "segmentation": segmenter}


@pytest.mark.parametrize(("kind", "entry"), [(kind, entry) for kind in WRITE for entry in IN_BOTH + NEEDED[kind]])
def test_a_file_that_lacks_an_entry_is_refused_in_one_sentence_that_names_it(kind, entry, tmp_path):
    path = tmp_path / "file.pth"
    save_handover(WRITE[kind](), path)
    rewrite(path, entry, drop=True)
    with pytest.raises(UserError, match=rf"file\.pth.*{entry.rpartition('.')[2].replace('sections', 'handover')}"):
        load_handover(path, kind=kind)


WRONG = {
    "autoencoder": {"task.settings": 3, "task.uses_labels": "perhaps", "task.before": 7, "task.saliency_weight": "a"},
    "segmentation": {
        "task.names": "cat", "task.values": {"0": "cat"}, "provenance.encoder.parts": 1, "provenance.encoder": 5,
    },
}  # fmt: skip
WRONG_IN_BOTH = {
    "sections": 3, "sections.encoder": 3, "sections.encoder.mean": 3, "architecture": 3, "architecture.decoder": "unet",
    "input": None, "input.image_size": "wide", "input.range": [0, 1, 2], "task": "plain", "provenance": [],
    "provenance.config": 3, "provenance.train_images": 3, "provenance.validation": {"epoch": "last"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "entry", "value"),
    [(kind, *wrong) for kind in WRITE for wrong in (WRONG_IN_BOTH | WRONG[kind]).items()],
)
def test_an_entry_of_the_wrong_type_is_refused_in_one_sentence_that_names_it(kind, entry, value, tmp_path):
    path = tmp_path / "file.pth"
    save_handover(WRITE[kind](), path)
    rewrite(path, entry, value)
    with pytest.raises(UserError, match=rf"file\.pth.*{entry.rpartition('.')[2]}") as refusal:
        load_handover(path, kind=kind)
    assert "\n" not in str(refusal.value)


def test_what_older_files_lack_has_a_default_and_what_newer_ones_add_is_left_out(tmp_path):
    path = tmp_path / "ae.pth"
    save_handover(handover(), path)
    for entry in ("task.saliency_weight", "task.before", "provenance.train_images", "input.channels"):
        rewrite(path, entry, drop=True)
    rewrite(path, "task.invented", 3)
    file = load_handover(path, kind="autoencoder")
    assert file.task == PretrainingRecord(pretext="plain")
    assert (file.provenance.train_images, file.input.channels) == ((), 3)


def test_the_names_in_the_file_are_those_of_format_version_1(tmp_path):
    save_handover(segmenter(), tmp_path / "best.pth")
    content = torch.load(tmp_path / "best.pth", weights_only=True)
    made = torch.load(MADE_BEFORE / "best.pth", weights_only=True)
    assert content.keys() == made.keys()
    earlier = {*made["provenance"], "earlier_images", "photographs"}  # without them, nobody knows what taught it
    assert content["provenance"].keys() == earlier
    later = {"depth", "fit", "scale_to"}  # without them, images have 8 bits and were squashed
    assert content["input"].keys() == {*made["input"], *later}
    later = {"background", "temperature"}  # without them, it is the first class, and logits are as they came
    assert content["task"].keys() == {*made["task"], *later}
    assert content["provenance"]["encoder"].keys() == made["provenance"]["encoder"].keys()


def test_a_disk_that_fills_up_leaves_the_old_file_and_no_part_of_the_new(tmp_path):
    path = tmp_path / "last.pth"
    save_atomically({"weight": torch.zeros(4)}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot write .*last\.pth.*free some space"):
            save_atomically({"weight": torch.zeros(1_000_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert load_tensors(path)["weight"].shape == (4,)
    assert [file.name for file in tmp_path.iterdir()] == ["last.pth"]
