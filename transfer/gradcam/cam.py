"""Class activation maps of a segmentation network: Grad-CAM and HiResCAM of any layer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from common.colours import heat, mix
from common.errors import UserError, nearest
from common.metrics import classes_of
from common.models.inspect import eval_mode
from transfer.model import SegmentationNet

Method = Literal["gradcam", "hirescam"]
COLOURS = "viridis"
"""A colour map of matplotlib that is safe for the colour-blind; brighter means more."""
OPACITY = 0.6


@dataclass(frozen=True)
class Activation:
    """Class activation maps of a layer, one per image, at the layer's resolution."""

    signed: Float[Tensor, "n h w"]
    """The layer's channels, weighted by their gradients and summed; negative values are evidence against the class."""
    method: Method
    """The weighting of the channels."""
    gradient_ratio: Float[Tensor, " n"]
    """|mean gradient| / mean |gradient|, in [0, 1], averaged over channels: near 0, the weights of Grad-CAM vanish.

    NaN if all gradients are 0, as for a class that is not present.
    """
    present: Bool[Tensor, " n"]
    """Whether any pixel was selected; otherwise the map is 0."""

    @property
    def map(self) -> Float[Tensor, "n h w"]:
        """The evidence for the class, at least 0."""
        return self.signed.clamp(min=0)


class Explained:
    """One forward pass of a network, from which the maps of several layers and classes follow by backward passes alone.

    `layers` are modules by their dotted names; of one that returns several maps, like "encoder", the last one is used.
    The network's mode, gradients and hooks are unchanged. Raises UserError for a layer that does not exist, returns no
    map, or is not used.
    """

    def __init__(self, net: SegmentationNet, image: Float[Tensor, "n c h w"], layers: Sequence[str]) -> None:
        with _tapped(net, layers) as taps, eval_mode(net), _unlearning(net), torch.enable_grad():
            logits = net(image)
            self._taps, self._score = taps, logits - logits.flip(1) if net.one_logit else logits
        self.logits: Float[Tensor, "n k h w"] = logits.detach()
        for tap in taps:
            tap.require_map()

    def maps(
        self,
        target: int | Int64[Tensor, " n"],
        *,
        where: Bool[Tensor, "n h w"] | None = None,
        method: Literal["auto", "gradcam", "hirescam"] = "auto",
    ) -> dict[str, Activation]:
        """Return the maps of each layer for one class, or for a class of each image; see `class_activation`.

        Raises UserError for a layer that has no influence on the logits.
        """
        count = len(self.logits)
        classes = target if isinstance(target, Tensor) else torch.full((count,), target, device=self.logits.device)
        selected = classes_of(self.logits) == classes.view(-1, 1, 1) if where is None else where
        present = selected.flatten(1).any(1)
        with torch.enable_grad():
            score = self._score[torch.arange(count, device=classes.device), classes][selected].sum()
        gradients = _gradients(score, self._taps)
        return {
            tap.layer: tap.activation(gradient, present, method)
            for tap, gradient in zip(self._taps, gradients, strict=True)
        }


def class_activation(
    net: SegmentationNet,
    image: Float[Tensor, "n c h w"],
    *,
    layer: str,
    target_class: int,
    where: Bool[Tensor, "n h w"] | None = None,
    method: Literal["auto", "gradcam", "hirescam"] = "auto",
) -> Activation:
    """Return the support of each cell of a layer for a class at the pixels `where` (None: those predicted as it).

    Grad-CAM weights a channel by its mean gradient, HiResCAM weights each cell by its own gradient. "auto" is Grad-CAM,
    but HiResCAM if an InstanceNorm runs after the layer. That norm subtracts the mean of its input. The mean gradient
    is then nearly 0, and Grad-CAM's weights are only rounding and border effects.

    Raises as `Explained`, which is faster for several layers or classes.

    Source: Selvaraju et al. 2017, Grad-CAM, arXiv 1610.02391, eq. 1 and 2; Draelos & Carin 2020, HiResCAM,
    arXiv 2011.08891 (elementwise product); Vinogradova et al. 2020, arXiv 2002.11434 (the sum over pixels).
    Deviation: a network with one logit z has the scores (-z, z), since its logits (0, z) are constant for class 0.
    """
    return Explained(net, image, [layer]).maps(target_class, where=where, method=method)[layer]


CELLS = 8
"""Cells that a map should have in height and width, so that it shows a place."""


def default_layers(net: SegmentationNet, side: int | None = None) -> dict[str, str]:
    """Return the default layer of each part: the origin of one of the encoder's maps and of the decoder's last one.

    The encoder's is the coarsest of at least 8 x 8 cells in images of `side` pixels; without `side` the coarsest. The
    origin is the outermost module inside the part that returns this map; else the next coarser map is taken, and in the
    end the part itself.
    """
    outputs: dict[str, Any] = {}

    def remember(name: str) -> Any:
        return lambda _module, _inputs, output: outputs.__setitem__(name, output)

    handles = [module.register_forward_hook(remember(name)) for name, module in net.named_modules() if name]
    least = net.encoder.min_size
    try:
        with eval_mode(net):
            net(torch.zeros(1, len(net.encoder.mean), least, least, device=net.encoder.mean.device))
    finally:
        for handle in handles:
            handle.remove()
    fine = sum(side is None or side // stride >= CELLS for stride in net.encoder.strides)
    maps = outputs["encoder"][max(fine, 1) - 1 :]
    origins = (_origin(net, "encoder", outputs, each) for each in maps)
    encoder = next((name for name in origins if name is not None), "encoder")
    return {"encoder": encoder, "decoder": _origin(net, "decoder", outputs, outputs["decoder"]) or "decoder"}


def find_layer(net: nn.Module, name: str) -> nn.Module:
    """Return a module by its dotted name. Raises UserError with the nearest name if there is none."""
    modules = {name: module for name, module in net.named_modules() if name}
    if name not in modules:
        raise UserError(f"--layer {name}: the network has no such layer{nearest(name, list(modules))}")
    return modules[name]


def upscale(map: Float[Tensor, "n h w"], size: tuple[int, int]) -> Float[Tensor, "n big_h big_w"]:
    """Enlarge maps bilinearly to (height, width), each divided by its maximum, for display. Zeros stay zeros."""
    large = F.interpolate(map[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    top = large.amax((1, 2), keepdim=True)
    return large / top.where(top > 0, 1)


def overlay_heat(image: UInt8[np.ndarray, "h w c"], strength: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a map in [0, 1] in colours over the image in grey."""
    grey = image[..., :3].mean(-1, keepdims=True).round().astype(np.uint8)
    return mix(grey, heat(strength[None], COLOURS)[0], opacity=OPACITY)


class _Tap:
    """A hook that keeps a layer's output, at which the gradient is taken.

    The network continues with a copy: a frozen layer gets a gradient too, and later in-place layers do not change the
    kept map.
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.kept: Tensor | None = None
        self.instance_norm_follows = False

    def keep(self, _module: nn.Module, _inputs: Any, output: Any) -> Any:
        """Keep the layer's output (a forward hook)."""
        several = isinstance(output, list | tuple)
        features = output[-1] if several else output
        if not isinstance(features, Tensor) or features.ndim != 4:
            raise UserError(f"--layer {self.layer} gives no map of height and width: name another layer")
        self.kept = features.clone() if features.requires_grad else features.clone().requires_grad_()
        copy = self.kept.clone()
        return [*output[:-1], copy] if several else copy

    def note(self, _module: nn.Module, _inputs: Any) -> None:
        """Record whether an InstanceNorm runs after the layer (a forward pre-hook)."""
        self.instance_norm_follows = self.kept is not None

    def require_map(self) -> None:
        """Raise UserError if the layer did not run."""
        if self.kept is None:
            raise UserError(f"--layer {self.layer} is not used when the network segments: name another layer")

    def activation(self, gradient: Tensor | None, present: Bool[Tensor, " n"], method: str) -> Activation:
        """Return the layer's map, weighted by the gradient there."""
        if gradient is None:
            raise UserError(f"--layer {self.layer} has no influence on the segmentation: name another layer")
        assert self.kept is not None, "require_map says so"
        mean = gradient.mean((2, 3), keepdim=True)
        own: Method = "gradcam" if method == "gradcam" else "hirescam"
        if method == "auto" and not self.instance_norm_follows:
            own = "gradcam"
        signed = (self.kept.detach() * (mean if own == "gradcam" else gradient)).sum(1)
        ratio = mean.abs().mean((1, 2, 3)) / gradient.abs().mean((1, 2, 3))
        return Activation(signed, own, ratio, present)


def _gradients(score: Float[Tensor, ""], taps: Sequence[_Tap]) -> Sequence[Tensor | None]:
    """The gradients at the taps; the graph stays for other classes."""
    if not score.requires_grad:
        return [None] * len(taps)
    kept = [tap.kept for tap in taps if tap.kept is not None]
    return torch.autograd.grad(score, kept, allow_unused=True, retain_graph=True)


@contextmanager
def _tapped(net: nn.Module, layers: Sequence[str]) -> Iterator[list[_Tap]]:
    taps = [_Tap(layer) for layer in layers]
    norms = [module for module in net.modules() if isinstance(module, nn.InstanceNorm2d)]
    handles = [find_layer(net, tap.layer).register_forward_hook(tap.keep) for tap in taps]
    handles += [norm.register_forward_pre_hook(tap.note) for norm in norms for tap in taps]
    try:
        yield taps
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _unlearning(net: nn.Module) -> Iterator[None]:
    """Inside, no weight asks for a gradient: what runs before the taps is not recorded."""
    learnt = [weight for weight in net.parameters() if weight.requires_grad]
    for weight in learnt:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in learnt:
            weight.requires_grad_()


def _origin(net: SegmentationNet, part: str, outputs: Mapping[str, Any], wanted: Tensor) -> str | None:
    inside = (name for name, _ in net.named_modules() if name.startswith(f"{part}."))
    return next((name for name in inside if outputs.get(name) is wanted), None)
