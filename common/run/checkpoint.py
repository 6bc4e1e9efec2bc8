"""Two kinds of file: the training state that a run resumes from, and the handover file that explains itself.

A handover file (`ae.pth`, `best.pth`) holds a network by sections (encoder, decoder, head) with all that is
needed to rebuild and use it: architecture, input range, pretext or classes, and where it came from. It is read
with `weights_only=True` and carries a digest of its own contents.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from common.errors import UserError
from common.tensor_files import load_tensors, save_atomically

FORMAT = "recon2seg"
VERSION = 1
PHASES = {"autoencoder": "phase 1", "segmentation": "phase 2"}
"""What writes each kind of handover file."""
WANTED = {"autoencoder": "ae.pth of pretrain.main", "segmentation": "best.pth of transfer.main"}
"""The file to give where a kind is wanted."""


@dataclass(frozen=True)
class Handover:
    """A trained network as another command, or another program, can take it up."""

    kind: str
    """autoencoder or segmentation."""
    architecture: dict[str, Any]
    """What rebuilds the network, without its weights."""
    sections: dict[str, dict[str, Tensor]]
    """State of each part: encoder, decoder, head."""
    input: dict[str, Any]
    """Side in pixels, channels and range of the images that the network was trained on."""
    task: dict[str, Any]
    """The pretext of phase 1, or the classes of phase 2."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Config, versions, commit, validation figures, digests of the training images."""


def sections_of(model: nn.Module) -> dict[str, dict[str, Tensor]]:
    """The state of each child of a network, on the CPU."""
    return {
        name: {key: value.detach().cpu().clone() for key, value in child.state_dict().items()}
        for name, child in model.named_children()
    }


def save_handover(handover: Handover, path: Path) -> None:
    """Write a handover file; a reader sees the old file or the whole new one, never a part."""
    content = {"format": FORMAT, "version": VERSION, **asdict(handover)}
    save_atomically({**content, "digest": _digest(content)}, path)


def handover_file(path: Path) -> Path:
    """The handover file that a path means: itself, or the ae.pth or best.pth of a run's folder."""
    if not path.is_dir():
        return path
    return next((path / name for name in ("ae.pth", "best.pth") if (path / name).exists()), path / "ae.pth")


def load_handover(path: Path, *, kind: str | None = None) -> Handover:
    """Read a handover file back.

    Raises UserError when there is no such file, when it is something else (another program's checkpoint, a
    training state), when it was changed after writing, or when it is not of the wanted `kind`.
    """
    content = load_tensors(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT or "sections" not in content:
        raise UserError(f"{path} is not a handover file of this program: give the ae.pth or best.pth of a run")
    if content.get("version") != VERSION:
        raise UserError(f"{path} has format version {content.get('version')}, this program reads {VERSION}")
    written = content.pop("digest", None)
    if written != _digest(content):
        raise UserError(f"{path} was changed or damaged after it was written: copy it again from its run")
    handover = Handover(**{name: content[name] for name in Handover.__dataclass_fields__})
    if kind is not None and handover.kind != kind:
        raise UserError(f"{path} is a file of {PHASES[handover.kind]}; give the {WANTED[kind]}")
    return handover


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the tensors' bytes and of everything beside them as JSON."""
    sha = hashlib.sha256()
    plain = {name: value for name, value in content.items() if name != "sections"}
    sha.update(json.dumps(plain, sort_keys=True, default=str).encode())
    for section, state in sorted(content["sections"].items()):
        for key, tensor in sorted(state.items()):
            sha.update(f"{section}.{key}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
            sha.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
