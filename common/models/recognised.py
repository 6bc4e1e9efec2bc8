"""Encoders in files of other programs: known by the names and shapes of their tensors, or by what an export says."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from common.config.encoder import NamedEncoderConfig
from common.config.groups import UNetConfig
from common.errors import UserError, abbreviate
from common.models.encoder import Encoder
from common.models.given import dictionaries, fits, read_weights
from common.models.named import Beginning, beginning, fresh_encoder
from common.models.parts import ENCODERS, LIBRARY
from common.models.rebuild import planned
from common.models.registry import build_encoder, encoder_word
from common.models.smp import bare_network, smp_names
from common.run.exported import SUFFIX, read_export
from common.run.safe_file import safe_record
from common.tensor_files import load_tensors

FLAG = "--pretrained_encoder"
FEWEST = 16
"""The fewest tensors that an encoder has, which is VGG of 11 layers: without so many no encoder is planned."""


def of_another_program(path: Path) -> bool:
    """Whether a file holds weights, and neither as a handover file nor as the state of a training does."""
    if path.suffix == SUFFIX:
        return safe_record(path) is None
    content = load_tensors(path)
    if not isinstance(content, Mapping) or "format" in content or {"state", "progress"} <= content.keys():
        return False
    return any(True for _ in dictionaries(content))


def recognised_encoder(
    path: Path, plan: NamedEncoderConfig, unet: UNetConfig, channels: int
) -> tuple[Encoder, Beginning]:
    """The encoder in a file of another program, or in an export of this one, filled with its weights.

    Raises UserError as `known_encoder` and `load_given`.
    """
    encoder = known_encoder(path, plan, unet, channels)
    return encoder, beginning(encoder, encoder.load_file(path, flag=FLAG))


def known_encoder(path: Path, plan: NamedEncoderConfig, unet: UNetConfig, channels: int) -> Encoder:
    """The encoder of such a file with fresh weights.

    It is the one that an export names, else that of `--encoder`, else the one that has these tensors. Raises UserError
    where none has, and where `--encoder` names another.
    """
    record = read_export(path)
    if record is None:
        content = read_weights(path, FLAG)
        name = plan.encoder or recognised(content, path, channels)
        encoder = fresh_encoder(replace(plan, encoder=name), unet, channels)
        if plan.encoder is not None and not fits(encoder.published, content):
            _refuse_other_name(content, path, plan.encoder, channels)
        return encoder
    name = encoder_word(record.architecture)
    if plan.encoder not in (None, name):
        raise UserError(f"{path} holds the encoder {name}, and --encoder is {plan.encoder}: leave --encoder out")
    planned(lambda: build_encoder(record.architecture), path)
    return build_encoder(record.architecture)


def recognised(content: Any, path: Path, channels: int = 3) -> str:
    """The name of the encoder whose tensors a file's content has, all of them and no others but those of heads.

    Raises UserError where it is that of no encoder, or of several.
    """
    names = list(_fitting(content, channels))
    if len(names) == 1:
        return names[0]
    if names:
        raise UserError(f"{path} holds {' and '.join(names)}: name the one that is meant with --encoder")
    tensors = [name for _, state in dictionaries(content) for name in state]
    raise UserError(
        f"{path} is a file of another program, and no known encoder has its tensors ({abbreviate(tensors)}): name the "
        "encoder with --encoder, or give the ae.pth of pretrain.main"
    )


def _refuse_other_name(content: Any, path: Path, typed: str, channels: int) -> None:
    """Raise UserError where the tensors of a file are those of another encoder than the typed one."""
    names = list(_fitting(content, channels))
    if names and typed not in names:
        raise UserError(f"{path} holds {names[0]}, and --encoder is {typed}: give --encoder {names[0]}")


def _fitting(content: Any, channels: int) -> Iterator[str]:
    """The encoders with these tensors; those that take memory to be built are asked where no other has them."""
    if all(len(state) < FEWEST for _, state in dictionaries(content)):
        return
    heavy, found = [], False
    for name, make in _networks(channels).items():
        try:
            network = planned(make, name)
        except UserError:
            heavy.append((name, make))
            continue
        if fits(network, content):
            found = True
            yield name
    yield from (name for name, make in heavy if not found and fits(make(), content))


def _networks(channels: int) -> dict[str, partial[nn.Module]]:
    """What makes the network of each encoder that has published weights, by its name."""
    ours = {name: part for name, part in ENCODERS.items() if part.pretrained and name != LIBRARY}
    return {
        **{name: partial(bare_network, name, channels) for name in smp_names()},
        **{name: partial(_published, part.load(), channels) for name, part in ours.items()},
    }


def _published(make: Any, channels: int) -> nn.Module:
    return make(in_channels=channels).published
