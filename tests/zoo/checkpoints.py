"""Files of weights that hold something else."""

import pickle
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn
from zoo.row import DATA, Row, both, nothing, pairs, text

from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import digest, save_handover
from common.run.records import PretrainingRecord, SegmentationRecord
from pretrain.model import Autoencoder
from tests.records import autoencoder_handover, segmentation_handover
from transfer.model import SegmentationNet

FROM = [*DATA, "--pretrained_encoder"]


def network(path: str | Path, kind: str = "segmentation") -> None:
    """A whole handover file of a small network."""
    Path(path).write_bytes(_network(kind))


@cache
def _network(kind: str) -> bytes:
    """Its bytes, made once."""
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5)
    if kind == "segmentation":
        task = SegmentationRecord(("background", "foreground"), {"0": 0, "1": 1, "255": 1})
        handover = segmentation_handover(SegmentationNet(encoder, decoder, num_classes=2), task)
    else:
        handover = autoencoder_handover(Autoencoder(encoder, decoder), PretrainingRecord(pretext="plain"))
    with TemporaryDirectory() as folder:
        save_handover(handover, Path(folder, "x.pth"))
        return Path(folder, "x.pth").read_bytes()


def saved(content: Callable[[], Any]) -> Callable[[], None]:
    """Data, and w.pth, written by torch.save."""
    return both(pairs, lambda: torch.save(content(), "w.pth"))


def held(content: bytes) -> Callable[[], None]:
    """Data, and w.pth of these bytes."""
    return both(pairs, text("w.pth", content))


def torn(share: float) -> Callable[[], None]:
    def make() -> None:
        network("w.pth", "autoencoder")
        whole = Path("w.pth").read_bytes()
        Path("w.pth").write_bytes(whole[: int(len(whole) * share)])

    return both(pairs, make)


def flipped() -> None:
    network("w.pth", "autoencoder")
    whole = bytearray(Path("w.pth").read_bytes())
    weight = torch.load("w.pth", weights_only=True)["sections"]["encoder"]["stages.3.0.weight"]
    whole[whole.index(bytes(weight.untyped_storage()))] ^= 1  # as it lies in memory
    Path("w.pth").write_bytes(bytes(whole))


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[], None]:
    """Data, and a handover with a digest, of other content."""

    def make() -> None:
        network("w.pth", "autoencoder")
        content = torch.load("w.pth", weights_only=True)
        del content["digest"]
        change(content)
        torch.save({**content, "digest": digest(content)}, "w.pth")

    return both(pairs, make)


def script() -> None:
    with warnings.catch_warnings(action="ignore"):
        torch.jit.save(torch.jit.script(nn.Identity()), "w.pth")


def old_form() -> None:
    torch.save({"weight": torch.zeros(3)}, "w.pth", _use_new_zipfile_serialization=False)


class Trap:
    """Code in a pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("trapped",))


BYTES = {
    "empty": b"",
    "a text": b"my weights\n",
    "YAML": b"lr: 0.1\nepochs: 3\n",
    "a page": b"<!DOCTYPE html><html>404</html>",
    "an empty zip": b"PK\x05\x06" + bytes(18),
    "half a zip": b"PK\x03\x04 half",
    "a pickle of code": pickle.dumps(Trap()),
    "a pickle of a list": pickle.dumps([1, 2]),
    "an old pickle, cut": pickle.dumps({"a": 1}, protocol=0)[:-3],
    "safetensors": (2).to_bytes(8, "little") + b"{}",
    "NumPy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
    "zeros": bytes(1000),
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n",
}
SAVED: dict[str, Callable[[], Any]] = {
    "a state": lambda: nn.Linear(2, 2).state_dict(),
    "another program's": lambda: {"state_dict": {}, "epoch": 3, "optimizer": {}},
    "a list": lambda: [1, 2],
    "a tensor": lambda: torch.zeros(3),
    "a training state": lambda: {"state": {}, "progress": {}},
    "an array": lambda: {"weight": np.zeros(2)},
    "a network of its own": lambda: nn.Linear(2, 2),
    "a newer format": lambda: {"format": "recon2seg", "version": 99, "sections": {}},
}
ENTRY: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no encoder": (lambda c: c["sections"].pop("encoder"), "holds no encoder"),
    "no decoder": (lambda c: c["sections"].pop("decoder"), "holds no decoder"),
    "no head": (lambda c: c["sections"].pop("head"), "holds no head"),
    "an empty encoder": (lambda c: c["sections"]["encoder"].clear(), "missing"),
    "NaN": (lambda c: c["sections"]["encoder"]["mean"].fill_(torch.nan), "mean"),
    "infinity": (lambda c: c["sections"]["decoder"]["steps.0.narrow.bias"].fill_(torch.inf), "steps.0.narrow.bias"),
    "no architecture": (lambda c: c.pop("architecture"), "architecture is missing"),
    "negative widths": (lambda c: c["architecture"]["encoder"].update(widths=[-4] * 6), "widths.0 is -4"),
    "huge widths": (lambda c: c["architecture"]["encoder"].update(widths=[50_000] * 6), "encoder"),
    "an unknown encoder": (lambda c: c["architecture"]["encoder"].update(name="vit"), "vit"),
    "no task": (lambda c: c.pop("task"), "task is missing"),
    "no input": (lambda c: c.pop("input"), "input is missing"),
    "images of 0 pixels": (lambda c: c["input"].update(image_size=0), "image_size is 0"),
    "an unknown kind": (lambda c: c.update(kind="diffusion"), "diffusion"),
}

ROWS = [
    *(Row(f"weights: {kind}", held(content), "transfer", [*FROM, "w.pth"], "w.pth") for kind, content in BYTES.items()),
    *(
        Row(f"weights: {kind}", saved(content), "transfer", [*FROM, "w.pth"], "w.pth")
        for kind, content in SAVED.items()
    ),
    *(
        Row(f"handover with {kind}", changed(how), "transfer", [*FROM, "w.pth"], said)
        for kind, (how, said) in ENTRY.items()
    ),
    *(
        Row(f"handover of {share:.0%}", torn(share), "transfer", [*FROM, "w.pth"], "w.pth")
        for share in (0.1, 0.5, 0.99)
    ),
    Row("handover with a bit flipped", both(pairs, flipped), "transfer", [*FROM, "w.pth"], "w.pth"),
    Row("weights: TorchScript", both(pairs, script), "transfer", [*FROM, "w.pth"], "w.pth"),
    Row("weights: the old form", both(pairs, old_form), "transfer", [*FROM, "w.pth"], "w.pth"),
    Row("weights: a folder", both(pairs, lambda: Path("w").mkdir()), "transfer", [*FROM, "w"], "w/ae.pth"),
    Row("weights: none", pairs, "transfer", [*FROM, "nowhere.pth"], "nowhere.pth"),
    Row("weights: a device", pairs, "transfer", [*FROM, "/dev/null"], "/dev/null"),
    Row(
        "weights: of phase 2",
        both(pairs, lambda: network("w.pth")),
        "transfer",
        [*FROM, "w.pth"],
        "is a file of phase 2",
    ),
    Row(
        "model: of phase 1",
        lambda: network("w.pth", "autoencoder"),
        "predict",
        ["--model_path", "w.pth", "--input", ".", "--output", "out"],
        "is a file of phase 1",
    ),
    Row(
        "model: a text",
        text("w.pth", "weights"),
        "predict",
        ["--model_path", "w.pth", "--input", ".", "--output", "o"],
        "w.pth",
    ),
    Row("model: none", nothing, "evaluate", ["--model_path", "nowhere"], "nowhere"),
    Row(
        "model: a text to explain",
        text("w.pth", "x"),
        "gradcam",
        ["--model_path", "w.pth", "--input", ".", "--output", "o"],
        "w.pth",
    ),
    Row(
        "model: of phase 2 for phase 1",
        lambda: network("w.pth"),
        "pretrain.evaluate",
        ["--model_path", "w.pth"],
        "phase 2",
    ),
    Row("start: a text", both(pairs, text("w.pth", "x")), "pretrain", [*DATA, "--start_from", "w.pth"], "w.pth"),
    Row(
        "start: of phase 2",
        both(pairs, lambda: network("w.pth")),
        "pretrain",
        [*DATA, "--start_from", "w.pth"],
        "phase 2",
    ),
    Row(
        "start: of other widths",
        both(pairs, lambda: network("w.pth", "autoencoder")),
        "pretrain",
        [*DATA, "--start_from", "w.pth", "--widths", *["6"] * 6],
        "wrong shape",
    ),
    Row(
        "encoder weights: other names",
        saved(lambda: {"a": torch.zeros(1)}),
        "transfer",
        [*DATA, "--encoder", "resnet18", "--encoder_weights_path", "w.pth"],
        "no tensor of resnet18",
    ),
    Row(
        "encoder weights: a list",
        saved(lambda: [1]),
        "transfer",
        [*DATA, "--encoder", "resnet18", "--encoder_weights_path", "w.pth"],
        "not a file of weights",
    ),
    Row(
        "encoder weights: NaN",
        saved(lambda: {"conv1.weight": torch.full((64, 3, 7, 7), torch.nan)}),
        "transfer",
        [*DATA, "--encoder", "resnet18", "--encoder_weights_path", "w.pth"],
        "not finite",
    ),
    Row(
        "encoder weights: another file",
        held(b"x"),
        "transfer",
        [*DATA, "--encoder", "mobilenet_v2", "--encoder_weights_path", "w.pth"],
        "torch.save did not write it",
    ),
]
