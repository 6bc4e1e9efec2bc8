"""Class activation maps as layers of a page's gallery."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from common.colours import heat
from common.metrics import classes_of
from common.report.gallery import Layer
from common.report.images import photograph
from transfer.gradcam.cam import COLOURS, Activation, Explained, default_layers, upscale
from transfer.gradcam.sanity import Likeness, randomised_correlations, untrained
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
    """Draws the class activation maps of one of the encoder's maps and of the decoder's last, see `default_layers`."""

    def __init__(self, net: SegmentationNet, names: Sequence[str], side: int) -> None:
        self.net, self.names, self.layers = net, names, default_layers(net, side)
        self.methods: dict[str, str] = {}
        self.cells: dict[str, str] = {}
        self.alike: dict[str, list[Likeness]] = {}

    def look(self, image: Float[Tensor, "n c h w"]) -> Explained:
        """Run the network on images whose maps are to be drawn."""
        return Explained(self.net, image, list(self.layers.values()))

    def draw(
        self, explained: Explained, wanted: Sequence[Sequence[int]]
    ) -> list[tuple[dict[str, str], dict[str, str]]]:
        """For each image, of the classes wanted of it that it was predicted to have: pictures, and a word on each.

        The target is the sum of the class's logits over the pixels predicted as it. Of each image one class is taken at
        a time, so that there are as many backward passes as classes in the image with most of them.
        """
        found: list[tuple[dict[str, str], dict[str, str]]] = [({}, {}) for _ in wanted]
        for turn in range(max(map(len, wanted), default=0)):
            rows = [row for row, classes in enumerate(wanted) if len(classes) > turn]
            target = torch.tensor([classes[turn] if len(classes) > turn else -1 for classes in wanted])
            activations = explained.maps(target.to(explained.logits.device))
            for part, layer in self.layers.items():
                self._draw(part, activations[layer], rows, target.tolist(), explained.logits.shape[-2:], found)
        return found

    def _draw(
        self,
        part: str,
        activation: Activation,
        rows: Sequence[int],
        classes: Sequence[int],
        size: Sequence[int],
        found: Sequence[tuple[dict[str, str], dict[str, str]]],
    ) -> None:
        self.methods[part] = activation.method
        height, width = activation.map.shape[1:]
        self.cells[part] = f"{height} x {width} cells"
        colours = heat(upscale(activation.map, (size[0], size[1])).cpu().numpy(), COLOURS)
        tops, ratios = activation.map.amax((1, 2)).tolist(), activation.gradient_ratio.tolist()
        for row in rows:
            layers, notes = found[row]
            key = f"cam-{part}-{classes[row]}"
            layers[key] = photograph(colours[row], quality=70)
            silent = "" if tops[row] > 0 else "; no evidence for the class"
            notes[key] = f"|mean gradient| / mean |gradient| {ratios[row]:.3f}{silent}"

    def check(self, image: Float[Tensor, "n c h w"]) -> None:
        """Compare the first images' maps with those of untrained networks."""
        image, others = image[:CHECKED], untrained(self.net, DRAWS)
        explained = self.look(image)
        prediction = classes_of(explained.logits)
        classes = prediction.flatten().bincount().argsort(descending=True, stable=True)[:COMMONEST].tolist()
        by_class = {k: explained.maps(k) for k in classes}
        activations = {(layer, k): by_class[k][layer] for layer in self.layers.values() for k in classes}
        alike = randomised_correlations(activations, image, prediction, others=others)
        self.alike = {part: [alike[layer, k] for k in classes] for part, layer in self.layers.items()}

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
