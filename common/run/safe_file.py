"""Handover files as safetensors, which other programs read too: the record is in the header, as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import replacing

SUFFIX = ".safetensors"
ENTRY = "recon2seg_network"
"""The entry of the header that holds all of a handover but its tensors; an encoder alone has another one."""


def save_safe(content: Mapping[str, Any], path: Path) -> None:
    """Write the content of a handover file; tensors are called `section.name`."""
    from safetensors.torch import save

    tensors = {
        f"{section}.{name}": tensor.contiguous()
        for section, state in content["sections"].items()
        for name, tensor in state.items()
    }
    plain = {name: value for name, value in content.items() if name != "sections"}
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, {"format": "pt", ENTRY: json.dumps(plain)}))


def read_header(path: Path, entry: str) -> dict[str, Any]:
    """The entry of a safetensors file's header, read as JSON; nothing for any other file, whatever it holds.

    Raises UserError for a file that is no safetensors though its name says so, and for what is no JSON.
    """
    if path.suffix != SUFFIX or not path.is_file():
        return {}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
        return {entry: json.loads(header[entry])} if entry in header else {}
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from None


def safe_record(path: Path) -> dict[str, Any] | None:
    """What the header says of a network, without its tensors; None for any other file.

    Raises as `read_header`.
    """
    record = read_header(path, ENTRY).get(ENTRY)
    return record if isinstance(record, dict) else None


def load_safe(path: Path) -> dict[str, Any] | None:
    """The content of a handover file; None and raises as `safe_record`."""
    record = safe_record(path)
    if record is None:
        return None
    from safetensors.torch import load_file

    sections: dict[str, dict[str, Any]] = {}
    for full, tensor in load_file(path).items():
        section, _, name = full.partition(".")
        sections.setdefault(section, {})[name] = tensor
    return {**record, "sections": sections}
