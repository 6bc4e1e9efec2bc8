"""What the page says of an image: its classes, how sure the network is of them, and what supports each."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from torch.nn import functional as F

from common.colours import colour_of, css, heat
from common.data.batches import to_images
from common.data.decode import decode_image, refuse_enlarged
from common.data.deep import FULL
from common.data.fitting import resize_image
from common.data.survey import depth_in, depth_note
from common.overlay import class_table
from common.report.images import drawing, photograph
from transfer.gradcam.cam import COLOURS, Activation, Explained, default_layers, upscale
from transfer.segmenter import Segmentation, Segmenter

SIDE = 1024
"""Pixels of the longer side of a picture on the page."""
MOST = 6
"""Classes of an image whose support is shown, the largest ones."""
NUMBERS = 2**28
"""Probabilities of an image that are held at once (1 GiB); a larger image is made smaller first."""
EXPLAINED = 2**22
"""Pixels up to which a network that sees images at their own size explains them: that takes many times the memory."""
METHODS = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM"}


@dataclass(frozen=True)
class Answers:
    """A trained network that answers for one image at a time."""

    model: Segmenter

    def __call__(self, data: bytes, name: str) -> dict[str, Any]:
        """What there is to say of the content of an image file, fit for JSON; pictures are data URIs.

        Raises UserError for a file that is no image, and for one that is too large.
        """
        model = self.model
        depth = model.handover.input.depth
        measured = None if depth else depth_in(data, Path(name), model.channels)
        came = decode_image(data, Path(name), model.channels, depth=depth or measured or FULL)
        image = self._within_memory(came)
        refuse_enlarged(Path(name), image, model.fitting)
        found = model.predict(image, probabilities=True)
        assert found.probabilities is not None, "they were asked for"
        sure = found.probabilities.max(0)
        shares = np.bincount(found.mask.ravel(), minlength=len(model.names)) / found.mask.size
        supports = self._supports(image, shares)
        smaller = f"made smaller first, from {came.shape[1]} x {came.shape[0]} pixels"
        return {
            "name": name,
            "size": f"{image.shape[1]} x {image.shape[0]} pixels",
            "notes": [
                *depth_note(1, measured),
                *([smaller] if image is not came else []),
                *([] if supports else ["too large for activation maps"]),
            ],
            "photo": photograph(_colour(image), side=SIDE, quality=88),
            "classes": self._classes(shares),
            "sure": float(sure.mean()),
            "layers": [self._mask(found), _confidence(sure), *supports],
        }

    def _within_memory(self, image: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "p q c"]:
        factor = math.sqrt(NUMBERS / (image.shape[0] * image.shape[1] * len(self.model.names)))
        if factor >= 1:
            return image
        return resize_image(image, *(max(1, int(factor * side)) for side in image.shape[:2]))

    def _classes(self, shares: Float[np.ndarray, " k"]) -> list[dict[str, Any]]:
        """The classes, the largest first, those that the image lacks last."""
        order = np.argsort(-shares, kind="stable").tolist()
        names = self.model.names
        return [{"name": names[k], "colour": css(colour_of(k)), "share": float(shares[k])} for k in order]

    def _mask(self, found: Segmentation) -> dict[str, Any]:
        clear = np.zeros(found.mask.shape, bool) if found.background is None else found.mask == found.background
        note = "the class of each pixel" + ("" if found.background is None else "; the background is clear")
        picture = drawing(class_table(found.mask)[found.mask], clear=clear, side=SIDE)
        return _layer("mask", "mask", note, picture)

    def _supports(self, image: UInt8[np.ndarray, "h w c"], shares: Float[np.ndarray, " k"]) -> list[dict[str, Any]]:
        """Activation maps of the encoder for the largest classes of an image; none of one that is too large."""
        model, small = self.model, self.model.fitting.framed(image)
        if small.shape[0] * small.shape[1] > max(EXPLAINED, model.input_size**2):
            return []
        layer = default_layers(model.net, model.input_size)["encoder"]
        explained = Explained(model.net, to_images(small[None], model.device), [layer])
        largest = np.argsort(-shares, kind="stable")[:MOST].tolist()
        size = image.shape[0], image.shape[1]
        layers = []
        for k in (k for k in largest if shares[k]):
            found = explained.maps(k)[layer]
            note = f"{METHODS[found.method]} at {layer}: dark none, bright most"
            picture = self._heat(found, small.shape[:2], size)
            layers.append(_layer(f"support-{k}", f"support for {model.names[k]}", note, picture))
        return layers

    def _heat(self, found: Activation, frame: tuple[int, ...], size: tuple[int, int]) -> str:
        """A map in colours, cut to where the network saw the image."""
        box = self.model.fitting.box(*size)
        seen = found.map
        if (box.height, box.width) != frame:
            whole = F.interpolate(seen[None], size=(frame[0], frame[1]), mode="bilinear", align_corners=False)[0]
            seen = box.cut(whole)
        factor = min(1, SIDE / max(size))
        shown = max(1, round(factor * size[0])), max(1, round(factor * size[1]))
        return photograph(heat(upscale(seen, shown).cpu().numpy(), COLOURS)[0], side=SIDE)


def _confidence(sure: Float[np.ndarray, "h w"]) -> dict[str, Any]:
    note = "the probability of each pixel's class: dark 0 %, bright 100 %"
    return _layer("confidence", "confidence", note, photograph(heat(sure[None])[0], side=SIDE))


def _layer(key: str, name: str, note: str, picture: str) -> dict[str, str]:
    """A picture that lies over the image, and its words."""
    return {"key": key, "name": name, "note": note, "picture": picture}


def _colour(image: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w 3"]:
    """The channels that a screen shows."""
    return np.ascontiguousarray(np.broadcast_to(image[..., :3], (*image.shape[:2], 3)))
