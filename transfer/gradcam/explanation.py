"""Class activation maps of a trained network for each class and image: pictures and numbers."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from common.data.batches import to_images
from common.data.fitting import resize_image
from common.errors import UserError, nearest
from common.figures import grid, save_picture
from common.files import make_folder, write_json
from common.metrics import classes_of
from common.overlay import overlay_mask
from common.run.next_step import last_lines
from common.say import say
from common.words import counted
from transfer.gradcam.cam import Activation, Explained, default_layers, find_layer, overlay_heat, upscale
from transfer.gradcam.config import GradCamOptions
from transfer.gradcam.sanity import Likeness, randomised_correlations, untrained
from transfer.next_steps import after_explanation
from transfer.predict.photos import Photo, Photos
from transfer.segmenter import load_model

MAPS, SHEETS = "maps", "sheets"
"""Folders of the results."""
FEW = 6
"""Classes, up to which a sheet shows all of them."""
SIDE = 224
"""Side of a picture on a sheet, in pixels."""
WORDS = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM"}


class Answer(NamedTuple):
    """The maps of a batch for one layer and class; with --sanity_check also their similarity to untrained networks'."""

    layer: str
    target: int
    activation: Activation
    likeness: Likeness | None


class Explanation:
    """A trained network, and the images, layers and classes to explain."""

    def __init__(self, options: GradCamOptions) -> None:
        model = load_model(options.file, options.device)
        self.net, self.names, self.device, self.background = model.net, model.names, model.device, model.background
        self.fitting = model.fitting
        classes = map(self._index, options.target_class)
        layers = options.layer or default_layers(self.net, model.input_size).values()
        self.classes, self.layers = (
            list(dict.fromkeys(classes)) or [*range(len(self.names))],
            list(dict.fromkeys(layers)),
        )
        for layer in self.layers:
            find_layer(self.net, layer)
        self.options, self.folder = options, options.folder
        self.photos = Photos(options, model.handover.input, written=(MAPS, SHEETS))
        self.others = untrained(self.net) if options.sanity_check else []

    def run(self) -> None:
        """Write a picture for each image, layer and class, a sheet for each image, and maps.json with the numbers.

        Unreadable images are named and left out. Raises UserError if none is readable, and for a layer without a map.
        """
        make_folder(self.folder)
        records: list[dict[str, Any]] = []
        for batch in self.photos.batches("explaining"):
            image = to_images(np.stack([photo.small for photo in batch]), self.device)
            explained = Explained(self.net, image, self.layers)
            logits = explained.logits
            answers = self._answers(image, explained)
            for position, photo in enumerate(batch):
                records += [self._save(photo, answer, position=position) for answer in answers]
                self._save_sheet(photo, answers, position=position, logits=logits[position])
        write_json(self.folder / "maps.json", {"model": str(self.options.file), "maps": records})
        say(*self._summary(records))
        absent = [self.names[k] for k in self.classes if not any(r["predicted"] for r in self._of(records, k))]
        last_lines(
            warnings=[f"{', '.join(absent)} is predicted in no image: its maps are empty"] if absent else [],
            places={f"maps of {self.photos.counted()}": self.folder},
            steps=after_explanation(self.options, checked=self.options.sanity_check),
        )

    def _index(self, word: str) -> int:
        if word in self.names:
            return self.names.index(word)
        if word.isdecimal() and int(word) < len(self.names):
            return int(word)
        known = ", ".join(f"{k} {name}" for k, name in enumerate(self.names))
        raise UserError(f"--target_class {word}: the classes are {known}{nearest(word, self.names)}")

    def _answers(self, image: Float[Tensor, "n c h w"], explained: Explained) -> list[Answer]:
        by_class = {index: explained.maps(index, method=self.options.method) for index in self.classes}
        activations = {(layer, index): by_class[index][layer] for layer in self.layers for index in self.classes}
        prediction, alike = classes_of(explained.logits), {}
        if self.others:
            alike = randomised_correlations(activations, image, prediction, others=self.others)
        return [Answer(*query, activation, alike.get(query)) for query, activation in activations.items()]

    def _save(self, photo: Photo, answer: Answer, *, position: int) -> dict[str, Any]:
        name = f"{MAPS}/{answer.layer}/{self._file_name(answer.target)}/{photo.key}.png"
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_picture(self._picture(photo.full, photo, answer, position=position), path)
        activation, alike = answer.activation, answer.likeness
        record = {
            "image": photo.key,
            "layer": answer.layer,
            "class": self.names[answer.target],
            "method": activation.method,
            "gradient_ratio": _number(activation.gradient_ratio[position]),
            "predicted": bool(activation.present[position]),
            "empty": not bool(activation.map[position].any()),
            "picture": name,
        }
        if alike is not None:
            record["correlation_with_untrained"] = _number(alike.found[position])
            record["correlation_by_chance"] = _number(alike.chance[position])
        return record

    def _file_name(self, index: int) -> str:
        """Return a file name for any class: its number, with the letters and digits of its name."""
        return f"{index}-{re.sub(r'[^A-Za-z0-9]+', '_', self.names[index])[:40]}"

    def _save_sheet(
        self, photo: Photo, answers: Sequence[Answer], *, position: int, logits: Float[Tensor, "k h w"]
    ) -> None:
        shown, image = self._on_sheet(answers, position), resize_image(photo.full, SIDE)
        answers = [answer for answer in answers if answer.target in shown]
        large = F.interpolate(self._shown(logits, photo)[None], size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        masks = classes_of(large).byte().cpu().numpy()
        rows = len(self.layers)
        columns = {
            "image": np.stack([np.broadcast_to(image[..., :3], (SIDE, SIDE, 3))] * rows),
            "prediction": np.stack([overlay_mask(image, masks[0], self.background)] * rows),
        }
        for index in shown:
            own = [answer for answer in answers if answer.target == index]
            absent = "" if own[0].activation.present[position] else " (predicted nowhere)"
            columns[f"{index} {self.names[index]}{absent}"] = np.stack(
                [self._picture(image, photo, answer, position=position) for answer in own]
            )
        captions = [_caption([a for a in answers if a.layer == layer], position) for layer in self.layers]
        path = self.folder / SHEETS / f"{photo.key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_picture(grid(columns, captions=captions, side=SIDE), path)

    def _picture(
        self, image: UInt8[np.ndarray, "h w c"], photo: Photo, answer: Answer, *, position: int
    ) -> UInt8[np.ndarray, "h w 3"]:
        activation = self._shown(answer.activation.map[position : position + 1], photo)
        height, width = image.shape[:2]
        return overlay_heat(image, upscale(activation, (height, width))[0].cpu().numpy())

    def _shown(self, maps: Float[Tensor, "k h w"], photo: Photo) -> Float[Tensor, "k p q"]:
        """The part of maps of any resolution that shows a photograph."""
        frame, box = photo.small.shape[:2], self.fitting.box(*photo.size)
        if (box.height, box.width) == frame:
            return maps
        return box.cut(F.interpolate(maps[None], size=frame, mode="bilinear", align_corners=False)[0])

    def _on_sheet(self, answers: Sequence[Answer], position: int) -> list[int]:
        """The classes on the sheet of an image: all, but of many that nobody asked for only those predicted in it."""
        if self.options.target_class or len(self.classes) <= FEW:
            return self.classes
        present = {answer.target for answer in answers if answer.activation.present[position]}
        return [index for index in self.classes if index in present]

    def _summary(self, records: Sequence[dict[str, Any]]) -> Iterator[str]:
        for layer in self.layers:
            own = [record for record in records if record["layer"] == layer]
            method = own[0]["method"]
            fell_back = method == "hirescam" and self.options.method == "auto"
            why = ", since an InstanceNorm runs after it" if fell_back else ""
            ratio = _mean([record["gradient_ratio"] for record in own])
            yield f"{layer}: {WORDS[method]}{why}; |mean gradient| / mean |gradient| {ratio:.3f}"
            if self.others:
                alike, chance = (
                    _mean([record[name] for record in own])
                    for name in ("correlation_with_untrained", "correlation_by_chance")
                )
                others = counted(len(self.others), "untrained network")
                yield (
                    f"{layer}: |rank correlation| with the maps of {others} {alike:.2f}, "
                    f"by chance {chance:.2f} (far below 1: maps depend on training; 1: on the image alone)"
                )
        images = {index: [record["predicted"] for record in self._of(records, index)] for index in self.classes}
        partly = [f"{self.names[k]} in {sum(own)}" for k, own in images.items() if any(own) and not all(own)]
        if partly:
            total = counted(len(images[self.classes[0]]), "image")
            yield f"predicted, of {total}: {', '.join(partly)}; other maps of these classes are empty"

    def _of(self, records: Sequence[dict[str, Any]], index: int) -> list[dict[str, Any]]:
        """The records of a class in the first layer: one for each image."""
        return [r for r in records if r["class"] == self.names[index] and r["layer"] == self.layers[0]]


def _caption(answers: Sequence[Answer], position: int) -> str:
    """Return the layer, its resolution, the method, and the ratio for each class."""
    layer, first = answers[0].layer, answers[0].activation
    height, width = first.signed.shape[1:]
    ratios = ", ".join(_ratio(answer.activation, position) for answer in answers)
    return f"{layer}, {height} x {width}: {WORDS[first.method]}; |mean gradient| / mean |gradient| {ratios}"


def _ratio(activation: Activation, position: int) -> str:
    if not activation.present[position]:
        return "none"
    nothing = "" if activation.map[position].any() else " (no support)"
    return f"{activation.gradient_ratio[position]:.3f}{nothing}"


def _number(value: Float[Tensor, ""]) -> float | None:
    return None if value.isnan() else round(value.item(), 6)


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")
