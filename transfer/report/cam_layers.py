"""Class activation maps as layers of a page's gallery."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from common.colours import heat
from common.report.gallery import Layer
from common.report.images import photograph
from transfer.gradcam.cam import COLOURS, class_activation, default_layers, upscale
from transfer.gradcam.sanity import Likeness, randomised_correlation, untrained
from transfer.model import SegmentationNet

MOST = 24
"""Images of a gallery that have these maps: the first ones that it takes up."""
CHECKED, COMMONEST, DRAWS = 4, 3, 3
"""Images and classes whose maps are compared with those of untrained networks, and how many of these."""
NAMES = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM"}
WHY = {
    "gradcam": "",
    "hirescam": "; HiResCAM (arXiv 2011.08891), because an InstanceNorm after the layer cancels the mean gradient",
}


class Maps:
    """Draws the class activation maps of the encoder's coarsest map and the decoder's last."""

    def __init__(self, net: SegmentationNet, names: Sequence[str]) -> None:
        self.net, self.names, self.layers = net, names, default_layers(net)
        self.methods: dict[str, str] = {}
        self.cells: dict[str, str] = {}
        self.alike: dict[str, list[Likeness]] = {}

    def draw(
        self, image: Float[Tensor, "n c h w"], wanted: Sequence[Sequence[int]]
    ) -> list[tuple[dict[str, str], dict[str, str]]]:
        """For each image, of the classes wanted of it that it was predicted to have: pictures, and a word on each.

        The target is the sum of the class's logits over the pixels predicted as it.
        """
        found: list[tuple[dict[str, str], dict[str, str]]] = [({}, {}) for _ in wanted]
        size = (image.shape[-2], image.shape[-1])
        for part, layer in self.layers.items():
            for k in sorted({k for classes in wanted for k in classes}):
                rows = [row for row, classes in enumerate(wanted) if k in classes]
                activation = class_activation(self.net, image[rows], layer=layer, target_class=k)
                self.methods[part] = activation.method
                height, width = activation.map.shape[1:]
                self.cells[part] = f"{height} x {width} cells"
                colours = heat(upscale(activation.map, size).cpu().numpy(), COLOURS)
                tops = activation.map.amax((1, 2)).tolist()
                for row, colour, ratio, top in zip(
                    rows, colours, activation.gradient_ratio.tolist(), tops, strict=True
                ):
                    layers, notes = found[row]
                    layers[f"cam-{part}-{k}"] = photograph(colour, quality=70)
                    silent = "" if top > 0 else "; no evidence for the class"
                    notes[f"cam-{part}-{k}"] = f"|mean gradient| / mean |gradient| {ratio:.3f}{silent}"
        return found

    def check(self, image: Float[Tensor, "n c h w"], prediction: Int64[Tensor, "n h w"]) -> None:
        """Compare the first images' maps with those of untrained networks."""
        image, prediction, others = image[:CHECKED], prediction[:CHECKED], untrained(self.net, DRAWS)
        classes = prediction.flatten().bincount().argsort(descending=True, stable=True)[:COMMONEST]
        for part, layer in self.layers.items():
            self.alike[part] = []
            for k in classes.tolist():
                asked: dict[str, Any] = {"layer": layer, "target_class": k, "where": prediction == k}
                activation = class_activation(self.net, image, **asked)
                self.alike[part].append(randomised_correlation(activation, image, others=others, **asked))

    def checked(self) -> str:
        """The result of `check` in a sentence; "" where no map can be compared."""
        found = []
        for part, answers in self.alike.items():
            like, chance = (torch.cat(column).nanmean().item() for column in zip(*answers, strict=True))
            if not math.isnan(like):
                found.append(f"{part} {like:.2f} ({chance:.2f} by chance)")
        if not found:
            return ""
        return (
            f" |Rank correlation| of activation maps with those of {DRAWS} untrained networks, over a few images: "
            f"{', '.join(found)}. Near chance level, maps depend on the training; near 1, on the image alone."
        )

    def described(self) -> list[Layer]:
        """The layers of the parts that were drawn."""
        return [
            Layer(
                key=f"cam-{part}-{k}",
                name=f"{part}: {name}",
                group=NAMES[method],
                note=f"evidence for {name} in {self.layers[part]}, {self.cells[part]}: dark none, bright most"
                f"{WHY[method]}",
            )
            for part, method in self.methods.items()
            for k, name in enumerate(self.names)
        ]
