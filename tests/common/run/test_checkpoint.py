import resource
import signal
from dataclasses import replace

import pytest
import torch
from torch import nn

from common.errors import UserError
from common.run.checkpoint import Handover, load_handover, save_handover, sections_of
from common.tensor_files import load_tensors, save_atomically


def handover():
    model = nn.Sequential()
    model.add_module("encoder", nn.Conv2d(3, 4, 3))
    model.add_module("head", nn.BatchNorm2d(4))
    return Handover(
        kind="autoencoder",
        architecture={"encoder": {"name": "unet", "widths": [1, 2]}},
        sections=sections_of(model),
        input={"image_size": 64, "range": [0.0, 1.0]},
        task={"pretext": "plain"},
        provenance={"config": {"lr": 0.1, "data_dir": None}},
    )


def test_a_handover_file_comes_back_whole(tmp_path):
    written = handover()
    save_handover(written, tmp_path / "ae.pth")
    read = load_handover(tmp_path / "ae.pth", kind="autoencoder")
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
        content["sections"]["encoder"]["bias"][0] += 1e-6
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
    with pytest.raises(UserError, match=r"is a file of phase 1; give the best.pth of transfer.main"):
        load_handover(tmp_path / "ae.pth", kind="segmentation")


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
