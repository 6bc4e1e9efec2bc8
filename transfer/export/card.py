"""The model card of a network: what taught it, how good it is, and what it is not for, as the hub lays cards out."""

import math
from pathlib import Path
from typing import Any

import jinja2
import yaml

from common.config.load import unflatten
from common.config.network import NETWORKS
from common.files import read_json, replace_text, write_json
from common.intervals import Interval
from common.models.weights import IMAGENET
from common.run.label_use import UNKNOWN
from common.run.notes import data_name, external_labels
from common.run.plain_data import to_dict
from common.run.records import Receipt
from common.words import counted
from recon2seg.packages import version
from transfer.config import TransferConfig
from transfer.export.config import CARD, ExportOptions
from transfer.metrics.scores import Scores
from transfer.report.headline import main_figures
from transfer.scoring import IMAGES_FILE, read_images
from transfer.segmenter import Segmenter

README, CONFIG = CARD


def write_card(model: Segmenter, options: ExportOptions) -> None:
    """Write README.md and config.json beside the weights, with the test figures of the run where its folder is."""
    scores = _scores(model, options.file)
    words = _words(model, options, scores)
    head = yaml.safe_dump(_front(words), sort_keys=False, allow_unicode=True)
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    template = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined).get_template("card.md")
    replace_text(options.folder / README, f"---\n{head}---\n\n{template.render(words, ends=_ends).rstrip()}\n")
    handover = model.handover
    config = {"architecture": handover.architecture, "input": to_dict(handover.input), "task": to_dict(handover.task)}
    write_json(options.folder / CONFIG, {"library_name": "recon2seg", "model_type": "segmentation", **config})


def _scores(model: Segmenter, file: Path) -> Scores | None:
    """The scores of the run's test images; None where a file is all that there is, and for one of another epoch."""
    record = file.with_name(IMAGES_FILE)
    if file.name not in NETWORKS or not record.is_file():
        return None
    return Scores(read_images(record).counts, model.names, model.background)


def _words(model: Segmenter, options: ExportOptions, scores: Scores | None) -> dict[str, Any]:
    """What the card says."""
    known, images = model.handover.provenance, model.handover.input
    data = data_name(unflatten(TransferConfig, known.config, source=options.file).data)
    encoder = model.net.encoder.word
    return {
        "title": f"{encoder} on {data}",
        "program": version(),
        "repository": options.push_to_hub or "USER/NAME",
        "classes": model.names,
        "data": data,
        "train_images": counted(len(known.train_images), "image"),
        "start": known.encoder,
        "figures": {} if scores is None else main_figures(scores),
        "test_images": "" if scores is None else counted(len(scores), "test image"),
        "side": images.image_size,
        "fit": images.fitting,
        "cropped": images.fit == "crop",
        "warnings": read_json(options.file.with_name("metrics.json")).get("warnings", []) if scores is not None else [],
        "labels": external_labels(known.encoder),
        "licences": _licences(known.encoder),
        "licence": options.licence,
    }


def _front(words: dict[str, Any]) -> dict[str, Any]:
    """The head of the card, which the hub reads."""
    front = {
        "license": words["licence"],
        "library_name": "recon2seg",
        "pipeline_tag": "image-segmentation",
        "tags": ["image-segmentation", "semantic-segmentation"],
    }
    if not words["figures"]:
        return front
    metrics = [
        {
            "type": name.lower().replace(" ", "_"),
            "name": f"{name}, 95 % interval {_ends(sure)}",
            "value": round(sure.value, 4),
        }
        for name, sure in words["figures"].items()
    ]
    data = {"name": f"{words['data']}, {words['test_images']}", "type": words["data"], "split": "test"}
    task = {"type": "image-segmentation", "name": "semantic segmentation"}
    result = {"task": task, "dataset": data, "metrics": metrics}
    return {**front, "model-index": [{"name": words["title"], "results": [result]}]}


def _licences(receipt: Receipt) -> str:
    """The licence of the weights that its encoder began with, in a sentence; "" from scratch."""
    origin = receipt.source if receipt.pretraining is None else receipt.pretraining.origin
    if not receipt.pretrained or not origin:
        return ""
    known = {f"ImageNet ({name})": source.licence for name, source in IMAGENET.items()}
    return f" Its encoder began with {origin}: {known.get(origin, UNKNOWN)}."


def _ends(sure: Interval) -> str:
    return "unknown" if math.isnan(sure.low) else f"{sure.low:.3f} to {sure.high:.3f}"
