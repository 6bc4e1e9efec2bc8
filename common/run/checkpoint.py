"""Two kinds of file: the training state that a run resumes from, and the handover file that explains itself.

A handover file (`ae.pth`, `best.pth`) holds a network by sections (encoder, decoder, head) with all that is
needed to rebuild and use it: architecture, input range, pretext or classes, and where it came from. It is read
with `weights_only=True`, or is safetensors where its name says so, and carries a digest of its own contents.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, overload

from torch import Tensor, nn

from common.errors import UserError, brief
from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.models.rebuild import planned, refuse_other_sections
from common.models.registry import build_parts
from common.run.input import Input
from common.run.plain_data import from_dict, to_dict
from common.run.records import PretrainingRecord, Provenance, SegmentationProvenance, SegmentationRecord
from common.run.safe_file import SUFFIX, load_safe, safe_record, save_safe
from common.tensor_files import load_tensors, save_atomically
from common.tensors import State, bytes_of

FORMAT = "recon2seg"
VERSION = 1

Sections: TypeAlias = dict[str, dict[str, Tensor]]
Kind: TypeAlias = Literal["autoencoder", "segmentation"]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The state of each part of a network: encoder, decoder, heads; whole and finite."""

    sections: dict[str, State]


@dataclass(frozen=True, kw_only=True)
class Handover(Weights):
    """A trained network as another command, or another program, can take it up."""

    kind: ClassVar[Kind]
    architecture: dict[str, Any]
    """What rebuilds the network, without its weights: encoder, decoder, and what is the network's own."""
    input: Input
    task: PretrainingRecord | SegmentationRecord
    """What the network was taught."""
    provenance: Provenance


@dataclass(frozen=True, kw_only=True)
class AutoencoderHandover(Handover):
    """What phase 1 hands over (ae.pth)."""

    kind = "autoencoder"
    task: PretrainingRecord


@dataclass(frozen=True, kw_only=True)
class SegmentationHandover(Handover):
    """What phase 2 leaves (best.pth)."""

    kind = "segmentation"
    task: SegmentationRecord
    provenance: SegmentationProvenance


HandoverOf = TypeVar("HandoverOf", bound=Handover)


def sections_of(model: nn.Module) -> Sections:
    """The state of each child of a network, on the CPU."""
    return {
        name: {key: value.detach().cpu().clone() for key, value in child.state_dict().items()}
        for name, child in model.named_children()
    }


def save_handover(handover: Handover, path: Path) -> None:
    """Write a handover file; a reader sees the old file or the whole new one, never a part."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "kind": handover.kind,
        "architecture": handover.architecture,
        "sections": handover.sections,
        **{name: to_dict(getattr(handover, name)) for name in ("input", "task", "provenance")},
    }
    content["digest"] = digest(content)
    if path.suffix == SUFFIX:
        save_safe(content, path)
    else:
        save_atomically(content, path)


def handover_file(path: Path) -> Path:
    """The handover file that a path means: itself, or the ae.pth or best.pth of a run's folder."""
    if not path.is_dir():
        return path
    return next((path / name for name in ("ae.pth", "best.pth") if (path / name).exists()), path / "ae.pth")


@overload
def load_handover(path: Path, *, kind: Literal["autoencoder"]) -> AutoencoderHandover: ...
@overload
def load_handover(path: Path, *, kind: Literal["segmentation"]) -> SegmentationHandover: ...
@overload
def load_handover(path: Path, *, kind: None = None) -> AutoencoderHandover | SegmentationHandover: ...
def load_handover(path: Path, *, kind: Kind | None = None) -> AutoencoderHandover | SegmentationHandover:
    """Read a handover file back.

    Raises UserError when there is no such file, when it is something else (another program's checkpoint, a
    training state), when it was changed after writing, when it is not of the wanted `kind`, when an entry is missing
    or of the wrong type, and when its encoder or decoder isn't whole.
    """
    content = _unchanged(_content(path), path)
    match content.get("kind"), kind:
        case "autoencoder", "autoencoder" | None:
            return _with_parts(from_dict(AutoencoderHandover, content, source=path), path)
        case "segmentation", "segmentation" | None:
            return _with_parts(from_dict(SegmentationHandover, content, source=path), path)
        case "autoencoder", _:
            raise UserError(f"{path} is a file of phase 1; give the best.pth of transfer.main")
        case "segmentation", _:
            raise UserError(f"{path} is a file of phase 2; give the ae.pth of pretrain.main")
        case other, _:
            raise UserError(f"{path} holds a network of an unknown kind ({brief(other)}): update this program")


def _content(path: Path) -> Any:
    """What a handover file holds, or any other file of tensors."""
    if path.suffix != SUFFIX:
        return load_tensors(path)
    if not path.is_file():
        raise UserError(f"cannot read {path}: No such file or directory")
    return load_safe(path)


def input_of(path: Path) -> Input | None:
    """The images that the network of a handover file was trained on, whose weights are not read.

    None for any other file: whoever loads it says what is wrong with it.
    """
    with suppress(UserError):
        content = safe_record(path) if path.suffix == SUFFIX else load_tensors(path, mapped=True)
        if isinstance(content, dict) and _is(content.get("format"), FORMAT):
            return from_dict(Input, content.get("input"), source=path)
    return None


def _unchanged(content: Any, path: Path) -> dict[str, Any]:
    """The contents of a handover file as they were written. Raises UserError for any other file."""
    if not isinstance(content, dict) or not _is(content.get("format"), FORMAT) or "sections" not in content:
        raise UserError(f"{path} is not a handover file of this program: give the ae.pth or best.pth of a run")
    if not _is(content.get("version"), VERSION):
        raise UserError(f"{path} has format version {brief(content.get('version'))}, this program reads {VERSION}")
    written = content.pop("digest", None)
    content["sections"] = from_dict(Weights, content, source=path).sections  # for only plain tensors have a digest
    try:
        unchanged = _is(written, digest(content))
    except (TypeError, ValueError, RecursionError):  # JSON has no names but words, and no value within itself
        unchanged = False
    if not unchanged:
        raise UserError(f"{path} was changed or damaged after it was written: copy it again from its run")
    return content


def _is(value: Any, wanted: str | int) -> bool:
    """Whether a value from a file is this word or number: a tensor, compared with it, would be neither."""
    return type(value) is type(wanted) and value == wanted


def _with_parts(handover: HandoverOf, path: Path) -> HandoverOf:
    """The handover, if its encoder and decoder are all there, and fit each other and its images."""
    encoder, decoder = planned(lambda: _fitting_parts(handover), path)
    if not {"head", "picture"} & handover.sections.keys():  # of an autoencoder either rebuilds the image
        raise UserError(f"{path} holds no head: copy it again from its run")
    kept = {name: state for name, state in handover.sections.items() if name in ("encoder", "decoder")}
    refuse_other_sections({"encoder": encoder, "decoder": decoder}, kept, path)
    return handover


def _fitting_parts(handover: Handover) -> tuple[Encoder, Decoder]:
    encoder, decoder = build_parts(handover.architecture)
    encoder.check_size(handover.input.image_size, handover.input.image_size)
    if len(encoder.mean) != handover.input.channels:
        raise UserError(f"its images have {handover.input.channels} channels, its encoder takes {len(encoder.mean)}")
    return encoder, decoder


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the tensors' bytes and of everything beside them as JSON."""
    sha = hashlib.sha256()
    plain = {name: value for name, value in content.items() if name != "sections"}
    sha.update(json.dumps(plain, sort_keys=True, default=str).encode())
    for section, state in sorted(content["sections"].items()):
        for key, tensor in sorted(state.items()):
            sha.update(f"{section}.{key}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
            sha.update(bytes_of(tensor))
    return sha.hexdigest()
