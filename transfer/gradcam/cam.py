"""Where in a picture a segmentation network finds what speaks for a class: Grad-CAM and HiResCAM of any layer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from common.colours import heat, mix
from common.errors import UserError, nearest
from common.models.inspect import eval_mode
from transfer.model import SegmentationNet

Method = Literal["gradcam", "hirescam"]
COLOURS = "viridis"
"""Of matplotlib's maps; told apart by the colour-blind, and brighter means more."""
OPACITY = 0.6


@dataclass(frozen=True)
class Activation:
    """What a layer says for a class, one map an image, at the size of the layer's own map."""

    signed: Float[Tensor, "n h w"]
    """The layer's channels, weighted by their gradients and summed: below 0 they speak against the class."""
    method: Method
    """How they were weighted."""
    gradient_ratio: Float[Tensor, " n"]
    """|mean gradient| / mean |gradient|, in [0, 1], averaged over channels: near 0, the weights of Grad-CAM vanish.

    NaN where all gradients are 0, as they are for a class that is not present.
    """
    present: Bool[Tensor, " n"]
    """Whether any pixel was asked about; where none was, the map is 0."""

    @property
    def map(self) -> Float[Tensor, "n h w"]:
        """What speaks for the class, at least 0."""
        return self.signed.clamp(min=0)


def class_activation(
    net: SegmentationNet,
    image: Float[Tensor, "n c h w"],
    *,
    layer: str,
    target_class: int,
    where: Bool[Tensor, "n h w"] | None = None,
    method: Literal["auto", "gradcam", "hirescam"] = "auto",
) -> Activation:
    """How much each place of a layer's map speaks for a class at the pixels `where` (None: those predicted as it).

    `layer` is a module by its dotted name; of one that gives several maps, such as "encoder", the last is taken.
    Grad-CAM weights a channel by its mean gradient, HiResCAM each of its places by that place's own gradient. "auto" is
    Grad-CAM, and HiResCAM where an InstanceNorm runs after the layer: it takes the mean off what comes in, so the mean
    of the gradient is nearly 0 and Grad-CAM's weights are what rounding and borders leave of it.

    The network is left as it was: mode, gradients, hooks. Raises UserError for a layer that does not exist, gives no
    map, or has no influence on the logits.

    Source: Selvaraju et al. 2017, Grad-CAM, arXiv 1610.02391, eq. 1 and 2; Draelos & Carin 2020, HiResCAM,
    arXiv 2011.08891 (elementwise product); Vinogradova et al. 2020, arXiv 2002.11434 (the sum over pixels).
    Deviation: a network with one logit z has the scores (-z, z), since its logits (0, z) say nothing of class 0.
    """
    with _tapped(net, layer) as tap, eval_mode(net), torch.enable_grad():
        logits = net(image)
        score = logits - logits.flip(1) if net.one_logit else logits
        asked = logits.argmax(1) == target_class if where is None else where
        features, gradient = tap.gradient(score[:, target_class][asked].sum())
    if method == "auto":
        method = "hirescam" if tap.instance_norm_follows else "gradcam"
    mean = gradient.mean((2, 3), keepdim=True)
    signed = (features * (mean if method == "gradcam" else gradient)).sum(1)
    ratio = mean.abs().mean((1, 2, 3)) / gradient.abs().mean((1, 2, 3))
    return Activation(signed, method, ratio, asked.flatten(1).any(1))


def default_layers(net: SegmentationNet) -> dict[str, str]:
    """The layers worth looking at first, by part: where the encoder's coarsest map and the decoder's last one arise.

    That is the outermost module inside the part whose output is this map; or the part itself where there is none.
    """
    return {part: _origin(net, part) for part in ("encoder", "decoder")}


def find_layer(net: nn.Module, name: str) -> nn.Module:
    """A module of a network by its dotted name. Raises UserError with the nearest name where there is none."""
    modules = {name: module for name, module in net.named_modules() if name}
    if name not in modules:
        raise UserError(f"--layer {name}: the network has no such layer{nearest(name, list(modules))}")
    return modules[name]


def upscale(map: Float[Tensor, "n h w"], size: tuple[int, int]) -> Float[Tensor, "n big_h big_w"]:
    """Maps for display: enlarged bilinearly to (height, width), each divided by its maximum. Zeros stay zeros."""
    large = F.interpolate(map[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    top = large.amax((1, 2), keepdim=True)
    return large / top.where(top > 0, 1)


def overlay_heat(image: UInt8[np.ndarray, "h w c"], strength: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """The image in grey, so that it has no colours of its own, under the colours of a map in [0, 1]."""
    grey = image[..., :3].mean(-1, keepdims=True).round().astype(np.uint8)
    return mix(grey, heat(strength[None], COLOURS)[0], opacity=OPACITY)


class _Tap:
    """Stands in the way of a layer's output, so that the gradient there can be asked for.

    The network goes on with a copy of it: a frozen layer gets a gradient too, and what a later layer does in place
    does not change what was kept.
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.kept: Tensor | None = None
        self.instance_norm_follows = False

    def keep(self, _module: nn.Module, _inputs: Any, output: Any) -> Any:
        """A forward hook of the layer."""
        several = isinstance(output, list | tuple)
        found = output[-1] if several else output
        if not isinstance(found, Tensor) or found.ndim != 4:
            raise UserError(f"--layer {self.layer} gives no map of height and width: name another layer")
        self.kept = found.detach().clone().requires_grad_()
        copy = self.kept.clone()
        return [*output[:-1], copy] if several else copy

    def note(self, _module: nn.Module, _inputs: Any) -> None:
        """A hook before an InstanceNorm."""
        self.instance_norm_follows = self.kept is not None

    def gradient(self, target: Float[Tensor, ""]) -> tuple[Float[Tensor, "n k h w"], Float[Tensor, "n k h w"]]:
        """The layer's map, and the gradient of the target there."""
        if self.kept is None:
            raise UserError(f"--layer {self.layer} is not used when the network segments: name another layer")
        asked = torch.autograd.grad(target, self.kept, allow_unused=True)[0] if target.requires_grad else None
        if asked is None:
            raise UserError(f"--layer {self.layer} has no influence on the segmentation: name another layer")
        return self.kept.detach(), asked


@contextmanager
def _tapped(net: nn.Module, layer: str) -> Iterator[_Tap]:
    tap = _Tap(layer)
    norms = [module for module in net.modules() if isinstance(module, nn.InstanceNorm2d)]
    handles = [find_layer(net, layer).register_forward_hook(tap.keep)]
    handles += [norm.register_forward_pre_hook(tap.note) for norm in norms]
    try:
        yield tap
    finally:
        for handle in handles:
            handle.remove()


def _origin(net: SegmentationNet, part: str) -> str:
    outputs: dict[str, Any] = {}
    modules = [(name, module) for name, module in net.named_modules() if name.split(".")[0] == part]

    def remember(name: str) -> Any:
        return lambda _module, _inputs, output: outputs.__setitem__(name, output)

    handles = [module.register_forward_hook(remember(name)) for name, module in modules]
    side = net.encoder.min_size
    try:
        with eval_mode(net):
            net(torch.zeros(1, len(net.encoder.mean), side, side, device=net.encoder.mean.device))
    finally:
        for handle in handles:
            handle.remove()
    last = outputs[part][-1] if isinstance(outputs[part], list | tuple) else outputs[part]
    return next((name for name, _ in modules if outputs.get(name) is last and name != part), part)
