"""Class activation maps as layers of a page's gallery."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from common.figures import heat
from common.report.pictures import photograph
from transfer.cam import COLOURS, class_activation, default_layers, upscale
from transfer.model import SegmentationNet

MOST = 24
"""Images of a gallery that have these maps: the first ones that it takes up."""
NAMES = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM"}
WHY = {
    "gradcam": "",
    "hirescam": "; HiResCAM (arXiv 2011.08891), because an InstanceNorm behind the layer takes the mean gradient away",
}


class Maps:
    """Draws what speaks for a class in the encoder's coarsest map and in the decoder's last."""

    def __init__(self, net: SegmentationNet, names: Sequence[str]) -> None:
        self.net, self.names, self.layers = net, names, default_layers(net)
        self.methods: dict[str, str] = {}

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
                colours = heat(upscale(activation.map, size).cpu().numpy(), COLOURS)
                tops = activation.map.amax((1, 2)).tolist()
                for row, colour, ratio, top in zip(
                    rows, colours, activation.gradient_ratio.tolist(), tops, strict=True
                ):
                    layers, notes = found[row]
                    layers[f"cam-{part}-{k}"] = photograph(colour, quality=70)
                    silent = "" if top > 0 else "; nothing here speaks for it"
                    notes[f"cam-{part}-{k}"] = f"|mean gradient| / mean |gradient| {ratio:.3f}{silent}"
        return found

    def described(self) -> list[Mapping[str, Any]]:
        """The layers for the gallery's script, of the parts that were drawn."""
        return [
            {
                "key": f"cam-{part}-{k}",
                "name": f"{part}: {name}",
                "group": NAMES[method],
                "note": f"what speaks for {name} in {self.layers[part]}: dark nothing, bright most{WHY[method]}",
            }
            for part, method in self.methods.items()
            for k, name in enumerate(self.names)
        ]
