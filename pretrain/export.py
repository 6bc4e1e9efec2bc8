"""The encoder of a run alone, in a file for other programs."""

import json
from pathlib import Path

from safetensors.torch import save

from common.files import replacing
from common.models.weights import IMAGENET
from common.run.checkpoint import AutoencoderHandover
from common.run.exported import ENTRY, ExportRecord
from common.run.label_use import UNKNOWN
from common.run.notes import external_labels
from common.run.plain_data import to_dict
from common.run.records import PretrainingRecord
from common.say import say
from pretrain.encoder import encoder_of
from pretrain.record import task_words


def export_encoder(handover: AutoencoderHandover, path: Path) -> None:
    """Write the encoder of a pretraining as safetensors, by the names that its publisher gives its tensors.

    The header says how images are normalised, what the encoder was taught, and whose labels and weights helped.
    """
    encoder, task = encoder_of(handover, path), handover.task
    mean, std = (tuple(statistics.flatten().tolist()) for statistics in (encoder.mean, encoder.std))
    record = ExportRecord(
        architecture=encoder.architecture(),
        mean=mean,
        std=std,
        input=handover.input,
        task=task,
        train_images=handover.provenance.train_images,
    )
    header = {
        "format": "pt",  # as other programs mark tensors of torch
        "encoder": encoder.word,
        "mean": json.dumps(mean),
        "std": json.dumps(std),
        "pretraining": task_words(task),
        "labels": external_labels(task),
        **_licence(task),
        ENTRY: json.dumps(to_dict(record)),
    }
    tensors = {name: tensor.contiguous() for name, tensor in encoder.published.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, header))
    say(f"encoder alone: {path} ({encoder.word}, {len(tensors)} tensors by the names of its library)")


def _licence(task: PretrainingRecord) -> dict[str, str]:
    """The licence of the weights that the encoder began with, where it began with any."""
    known = {f"ImageNet ({name})": source.licence for name, source in IMAGENET.items()}
    return {"licence": f"{task.origin}: {known.get(task.origin, UNKNOWN)}"} if task.origin else {}
