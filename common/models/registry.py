"""Encoders and decoders from the registry: rebuilt from what a file says of them, or fresh by their name."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from common.errors import UserError, brief, nearest
from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.models.parts import DECODERS, ENCODERS, LIBRARY, EncoderPart, Part, part_for
from common.models.smp import smp_names
from common.run.plain_data import adapter, first_fault


@dataclass(frozen=True)
class _Described:
    """What a file says of the parts of any network."""

    encoder: dict[str, Any]
    decoder: dict[str, Any]


def build_parts(architecture: Mapping[str, Any]) -> tuple[Encoder, Decoder]:
    """The encoder and the decoder of a network's `architecture()`, with fresh weights.

    Raises as `build_encoder`, also for a decoder of another encoder, and ValidationError where one isn't described.
    """
    described = adapter(_Described).validate_python(dict(architecture))
    encoder, decoder = build_encoder(described.encoder), build_decoder(described.decoder)
    for name, own in {"encoder_channels": encoder.channels, "encoder_strides": encoder.strides}.items():
        expected = described.decoder.get(name, own)
        if tuple(expected) != tuple(own):
            raise UserError(f"its decoder takes an encoder of {name} {tuple(expected)}, and its encoder has {own}")
    return encoder, decoder


def build_encoder(architecture: Mapping[str, Any]) -> Encoder:
    """The encoder whose `architecture()` this is, with fresh weights.

    Raises UserError for a name that is not in ENCODERS and for settings that it does not have.
    """
    return _build("encoder", ENCODERS, architecture)


def build_decoder(architecture: Mapping[str, Any]) -> Decoder:
    """The decoder whose `architecture()` this is, with fresh weights; raises as `build_encoder`."""
    return _build("decoder", DECODERS, architecture)


def encoder_part(name: str) -> EncoderPart:
    """The entry for `--encoder`: a registered one, else the library's. Raises UserError where neither has the name."""
    part, registered = part_for(name), [known for known in ENCODERS if known != LIBRARY]
    if name not in registered and name not in smp_names():
        raise UserError(f"--encoder {name}: there is no such encoder{nearest(name, [*registered, *smp_names()])}")
    return part


def encoder_word(architecture: Mapping[str, Any]) -> str:
    """The word of `--encoder` for the encoder whose `architecture()` this is."""
    return architecture["encoder" if architecture["name"] == LIBRARY else "name"]


def _build(kind: str, registry: Mapping[str, Part], architecture: Mapping[str, Any]) -> Any:
    settings = dict(architecture)
    name = settings.pop("name", None)
    if not isinstance(name, str) or name not in registry:
        raise UserError(f"there is no {kind} called {brief(name)}; known are {', '.join(registry)}")
    make = registry[name].load()
    try:
        _settings_of(make).model_validate(settings)
    except ValidationError as error:
        raise UserError(f"the {kind} {name} cannot be built, {first_fault(error)}") from None
    return make(**settings)


@cache
def _settings_of(make: Callable[..., Any]) -> type[BaseModel]:
    """The settings that a part is made of, by the types in its signature."""
    hints = get_type_hints(make.__init__ if isinstance(make, type) else make, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if known.default is known.empty else known.default)
        for name, known in inspect.signature(make).parameters.items()
    }
    return create_model("Settings", __config__=ConfigDict(extra="forbid", strict=True), **fields)
