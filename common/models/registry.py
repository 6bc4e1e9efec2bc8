"""Networks by name: rebuilds an encoder or a decoder from what a file says about it."""

from collections.abc import Mapping
from typing import Any, TypeVar

from torch import nn

from common.errors import UserError
from common.models.decoder import Decoder, UNetDecoder
from common.models.deeplab import DeepLabV3PlusDecoder
from common.models.encoder import Encoder, UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from common.models.published import BilinearDecoder, ConvTransposeDecoder, TransposeDecoder
from common.models.smp import SMPEncoder

Network = TypeVar("Network", bound=nn.Module)

ENCODERS: dict[str, type[Encoder]] = {"unet": UNetEncoder, "mobilenet_v2": MobileNetV2Encoder, "smp": SMPEncoder}
DECODERS: dict[str, type[Decoder]] = {
    "unet": UNetDecoder,
    "conv_transpose": ConvTransposeDecoder,
    "transpose": TransposeDecoder,
    "bilinear": BilinearDecoder,
    "deeplabv3plus": DeepLabV3PlusDecoder,
}


def build_encoder(architecture: Mapping[str, Any]) -> Encoder:
    """The encoder whose `architecture()` this is, with fresh weights.

    Raises UserError for a name that is not in ENCODERS and for settings that it does not have.
    """
    return _build("encoder", ENCODERS, architecture)


def build_decoder(architecture: Mapping[str, Any]) -> Decoder:
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
