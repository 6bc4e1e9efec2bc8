"""The formats of other programs: how each is written, and how it is run to be checked. Imports of libraries wait."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from common.data.batches import to_images
from common.errors import UserError
from common.run.checkpoint import SegmentationHandover, save_handover
from transfer.export.graph import Deployed
from transfer.export.record import ENTRY, DeployedRecord
from transfer.model import SegmentationNet
from transfer.segmenter import load_model

INPUT, OUTPUTS = "image", ("logits", "probabilities")
Runner = Callable[[UInt8[np.ndarray, "n h w c"]], Float32[np.ndarray, "n k h w"]]
"""From images to logits."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a file is made of."""

    network: Deployed
    handover: SegmentationHandover
    record: DeployedRecord
    opset: int | None = None
    """Of ONNX's operators, as --opset says."""

    @cached_property
    def program(self) -> torch.export.ExportedProgram:
        """The network as torch.export follows it, for any batch, height and width."""
        size = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim.AUTO, 2: torch.export.Dim.AUTO}
        with quiet():
            return torch.export.export(self.network, (example(self.network),), dynamic_shapes={INPUT: size})


class Format(NamedTuple):
    """A kind of file."""

    write: Callable[[Material, Path], None]
    open: Callable[[Path], Runner]
    """How it is run by its own library."""


def example(network: Deployed) -> UInt8[torch.Tensor, "2 h w c"]:
    """Two images that are not squares, so that no exporter takes one number for another."""
    encoder = network.net.encoder
    side = 2 * encoder.min_size
    return torch.zeros(2, side, side + encoder.strides[-1], len(encoder.mean), dtype=torch.uint8)


def write_onnx(of: Material, path: Path) -> None:
    """Write ONNX, with the record in its metadata. Raises UserError for operators that its opset lacks."""
    import onnx

    opset, record = of.opset, of.record
    newest = onnx.defs.onnx_opset_version()
    if opset is not None and opset > newest:
        raise UserError(f"--opset {opset}: the installed onnx knows versions up to {newest}")
    with quiet():
        program = torch.onnx.export(
            of.program,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            opset_version=opset,
            dynamo=True,
            verbose=False,
        )
    assert program is not None, "there is no program without dynamo alone"
    model = program.model_proto
    written = next(used.version for used in model.opset_import if used.domain == "")
    if opset not in (None, written):
        raise UserError(
            f"--opset {opset} lacks operators of this network: take --opset {written}, or leave the flag out"
        )
    _name_sides(model.graph)
    onnx.helper.set_model_props(model, record.metadata)
    model.producer_name, model.doc_string = "recon2seg", record.usage
    onnx.checker.check_model(model)
    onnx.save_model(model, path)


def _name_sides(graph: Any) -> None:
    """Name the sides of what goes in and out; inner maps lose their symbolic shapes, which nobody reads."""
    del graph.value_info[:]
    for value, names in (
        (graph.input[0], ("batch", "height", "width", None)),
        *((output, ("batch", None, "height", "width")) for output in graph.output),
    ):
        for side, name in zip(value.type.tensor_type.shape.dim, names, strict=True):
            if name is not None:
                side.dim_param = name


def open_onnx(path: Path) -> Runner:
    """The file run by onnxruntime on one thread."""
    from transfer.export.session import open_session

    session = open_session(path, threads=1)
    return lambda images: session.run([OUTPUTS[0]], {INPUT: images})[0]


def write_torch_export(of: Material, path: Path) -> None:
    """Write a program of torch.export (.pt2), with the record beside it in the file."""
    with path.open("wb") as file:
        torch.export.save(of.program, file, extra_files={f"{ENTRY}.json": json.dumps(of.record.metadata)})


def open_torch_export(path: Path) -> Runner:
    """The file run by torch."""
    with path.open("rb") as file:
        return _by_torch(torch.export.load(file).module())


def write_torchscript(of: Material, path: Path) -> None:
    """Write TorchScript, for C++ and old versions of torch, with the record beside it in the file."""
    with quiet():
        traced = torch.jit.trace(of.network, example(of.network), check_trace=False)
        torch.jit.save(traced, path, _extra_files={f"{ENTRY}.json": json.dumps(of.record.metadata)})


def open_torchscript(path: Path) -> Runner:
    """The file run by torch."""
    with quiet():
        return _by_torch(torch.jit.load(path))


def _by_torch(network: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]) -> Runner:
    def run(images: UInt8[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n k h w"]:
        with torch.no_grad():
            return network(torch.from_numpy(np.ascontiguousarray(images)))[0].numpy()

    return run


def write_safetensors(of: Material, path: Path) -> None:
    """Write the weights under their names, with the whole handover in the header."""
    save_handover(of.handover, path)


def open_safetensors(path: Path) -> Runner:
    """The file read back as any other of this program."""
    return runner_of(load_model(path, "cpu").net)


def runner_of(net: SegmentationNet) -> Runner:
    """A network of this program."""

    def run(images: UInt8[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n k h w"]:
        with torch.no_grad():
            return net(to_images(images)).numpy()

    return run


@contextmanager
def quiet() -> Iterator[None]:
    """Without what exporters tell their own authors: deprecations within torch, and steps that they took."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


FORMATS: Mapping[str, Format] = {
    "onnx": Format(write_onnx, open_onnx),
    "torch_export": Format(write_torch_export, open_torch_export),
    "torchscript": Format(write_torchscript, open_torchscript),
    "safetensors": Format(write_safetensors, open_safetensors),
    "hub": Format(write_safetensors, open_safetensors),
}
