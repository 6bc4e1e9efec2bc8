"""Weights of EfficientNet-PyTorch by the names of timm, whose layers are the same."""

import re
from collections.abc import Mapping, Sequence, Set
from typing import Any

from torch import Tensor, nn

WHOLE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
"""Layers outside the blocks."""
NARROW = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
"""Layers of a block that does not expand its channels first."""
WIDE = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
"""Layers of a block that does."""
EXCITATION = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}
BLOCK = re.compile(r"_blocks\.(\d+)\.(\w+)\.(.*)")


STEM = "_conv_stem.weight"
"""The first tensor: what stands before it in a file stands before all."""


def with_names_of_timm(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The tensors of EfficientNet-PyTorch (Melas-Kyriazi 2019) by the names that they have in a network of timm.

    Its blocks are counted through, and those of timm by stages. Its convolutions pad as TensorFlow's do: a network that
    pads otherwise gets no names of its own, and neither do other tensors.
    """
    before = next((name.removesuffix(STEM) for name in state if name.endswith(STEM)), None)
    net: Any = network
    if before is None or type(getattr(net, "conv_stem", None)).__name__ != "Conv2dSame":
        return dict(state)
    places = [f"blocks.{stage}.{block}" for stage, blocks in enumerate(net.blocks) for block in range(len(blocks))]
    inner = {name.removeprefix(before): tensor for name, tensor in state.items()}
    wide = {match[1] for name in inner if (match := BLOCK.match(name)) and match[2] == "_expand_conv"}
    return {_renamed(name, places, wide): tensor for name, tensor in inner.items()}


def _renamed(name: str, places: Sequence[str], wide: Set[str]) -> str:
    """A name in timm, by the places of the blocks there, and which of them are `wide`."""
    match = BLOCK.match(name)
    if match is None:
        layer, _, rest = name.partition(".")
        return f"{WHOLE.get(layer, layer)}.{rest}"
    number, layer, rest = match.groups()
    known = (WIDE if number in wide else NARROW) | EXCITATION
    return f"{places[int(number)]}.{known[layer]}.{rest}" if int(number) < len(places) and layer in known else name
