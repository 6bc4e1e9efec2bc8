"""Encoders and decoders from the registry: rebuilt from what a file says of them, or fresh by their name."""

from collections.abc import Mapping
from typing import Any

from common.errors import UserError, nearest
from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.models.parts import DECODERS, ENCODERS, LIBRARY, EncoderPart, Part
from common.models.smp import smp_names


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
    if name in ENCODERS and name != LIBRARY:
        return ENCODERS[name]
    names = (*(known for known in ENCODERS if known != LIBRARY), *smp_names())
    if name not in names:
        raise UserError(f"--encoder {name}: there is no such encoder{nearest(name, names)}")
    return ENCODERS[LIBRARY]


def _build(kind: str, registry: Mapping[str, Part], architecture: Mapping[str, Any]) -> Any:
    settings = dict(architecture)
    name = settings.pop("name", None)
    if name not in registry:
        raise UserError(f"there is no {kind} called {name!r}; known are {', '.join(registry)}")
    try:
        return registry[name].load()(**settings)
    except TypeError as error:
        raise UserError(f"the {kind} {name} cannot be built from {settings}: {error}") from error
