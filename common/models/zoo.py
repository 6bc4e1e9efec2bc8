"""Networks by name: rebuilds an encoder or a decoder from what a file says about it."""

from collections.abc import Mapping
from typing import Any, TypeVar

from torch import nn

from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import Encoder, UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder

Network = TypeVar("Network", bound=nn.Module)

ENCODERS: dict[str, type[Encoder]] = {"unet": UNetEncoder, "mobilenet_v2": MobileNetV2Encoder}
DECODERS: dict[str, type[UNetDecoder]] = {"unet": UNetDecoder}


def build_encoder(architecture: Mapping[str, Any]) -> Encoder:
    """The encoder whose `architecture()` this is, with fresh weights.

    Raises UserError for a name that is not in ENCODERS and for settings that it does not have.
    """
    return _build("encoder", ENCODERS, architecture)


def build_decoder(architecture: Mapping[str, Any]) -> UNetDecoder:
    """The decoder whose `architecture()` this is, with fresh weights; raises as `build_encoder`."""
    return _build("decoder", DECODERS, architecture)


def _build(kind: str, known: Mapping[str, type[Network]], architecture: Mapping[str, Any]) -> Network:
    settings = dict(architecture)
    name = settings.pop("name", None)
    if name not in known:
        raise UserError(f"there is no {kind} called {name!r}; known are {', '.join(known)}")
    try:
        return known[name](**settings)
    except TypeError as error:
        raise UserError(f"the {kind} {name} cannot be built from {settings}: {error}") from error
