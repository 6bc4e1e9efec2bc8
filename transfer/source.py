"""The origin of the encoder: a handover file of phase 1, a file of another program, ImageNet weights, or scratch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from common.config.load import as_typed
from common.config.network import network_file
from common.data.load import LabelledSplits, load_labelled
from common.data.pack import Pack
from common.errors import UserError
from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.models.named import Beginning, first_weights, fresh_encoder
from common.models.rebuild import rebuilt
from common.models.recognised import known_encoder, of_another_program, recognised_encoder
from common.models.registry import build_decoder, build_encoder
from common.models.weights import load_exactly
from common.run.checkpoint import handover_file, input_of, load_handover
from common.run.parts import Taken
from common.run.records import PretrainingRecord
from common.words import counted
from transfer.config import TransferConfig
from transfer.model import SegmentationNet
from transfer.receipt import CONSTANTS, learnt_tensors


@dataclass(frozen=True)
class Classifier:
    """The head of a network that is trained further, and what it tells apart."""

    state: Mapping[str, Tensor]
    names: tuple[str, ...]
    one_logit: bool

    def kept(self, names: Sequence[str]) -> dict[int, int]:
        """By each class that is among `names`, too, its number here."""
        return {index: self.names.index(name) for index, name in enumerate(names) if name in self.names}

    def told(self, names: Sequence[str]) -> str:
        """What becomes of the classes, in words; "" where they are the same."""
        parts = {
            "classes kept": [name for name in names if name in self.names],
            "new": [name for name in names if name not in self.names],
            "left out": [name for name in self.names if name not in names],
        }
        told = "; ".join(f"{what} {', '.join(classes)}" for what, classes in parts.items() if classes)
        return told if parts["new"] or parts["left out"] else ""


@dataclass(frozen=True)
class Source:
    """The parts of a new network, and their origin."""

    name: str
    encoder: Encoder
    decoder: Decoder | None = None
    """A pretrained decoder; None for random initialisation."""
    foreground_head: Mapping[str, Tensor] | None = None
    """Weights of a foreground head on this decoder, for initialising the classifier; None for a random classifier."""
    loaded: int = 0
    """Number of tensors loaded from a file; 0 from scratch."""
    pretraining: PretrainingRecord | None = None
    """Record of phase 1; None for ImageNet weights and from scratch."""
    uses_imagenet_labels: bool = False
    unknown_labels: bool = False
    """Whether weights helped that do not say whose labels taught them."""
    earlier_masks: int = 0
    """Training masks of the runs that it comes from, and of its teachers."""
    train_images: frozenset[str] = frozenset()
    """Digests of the images that taught it."""
    classifier: Classifier | None = None
    """Of a network that is trained further; None for a random one."""
    transfer: Taken | None = None
    """The parts that a file of phase 1 gave, or lent their shape."""

    def leaks(self, test: Pack) -> list[str]:
        """Return a warning if test images were among the pretraining images, else []."""
        return leaks(test, self.train_images, further=self.classifier is not None)


def leaks(test: Pack, seen: Collection[str], *, further: bool = False) -> list[str]:
    """Return a warning if test images taught the encoder, or before the network that is trained `further`; else []."""
    taught = "network was trained on before" if further else "encoder was pretrained on"
    return told_leaks(test, seen, f"images that the {taught}")


def told_leaks(test: Pack, seen: Collection[str], taught: str) -> list[str]:
    """Return a warning if test images are among those that were `seen`, which are called `taught`; else []."""
    count = sum(digest in seen for digest in test.digests)
    return [f"LEAK: {counted(count, 'test image', 'was')} among the {taught}"] if count else []


def find_source(config: TransferConfig, *, background: int | None = 0) -> Source:
    """Return the parts from a handover file, or an encoder by its name; the default is the U-Net encoder.

    `background`: the class that is no object, see `taken`.
    """
    plan = config.encoder
    if plan.init_from is not None:
        source = _further(network_file(plan.init_from), config)
    elif plan.like is not None:
        source = _shaped_like(handover_file(plan.like), config, background)
    elif plan.pretrained_encoder is None:
        return _by_name(config)
    else:
        path = handover_file(plan.pretrained_encoder)
        other = of_another_program(path)
        source = _recognised(path, config) if other else _handed_over(path, config, background)
    _refuse_other_channels(source, config.data.channels)
    return source


def load_images(config: TransferConfig) -> LabelledSplits:
    """The images and masks that the settings name. `--fit auto` is, for a network that is trained further, that of its
    run; for an encoder that is taken over, or its network with fresh weights, it follows that one: see `fitting_of`.

    Raises UserError as `load_labelled`.
    """
    plan, data = config.encoder, config.data
    before = plan.init_from or plan.pretrained_encoder or plan.like
    if data.fit != "auto" or data.of_crops or before is None:
        return load_labelled(data)
    images = input_of(network_file(before) if plan.init_from else handover_file(before))
    encoder = None if images is None else images.fitting
    if plan.init_from is None or encoder is None:
        return load_labelled(data, encoder=encoder)
    found = load_labelled(replace(data, **encoder.settings))
    told = () if encoder.fit == "squash" else (f"--fit auto takes {encoder}, as in the training of {before}",)
    return replace(found, notes=(*found.notes, *told))


def _refuse_other_channels(source: Source, channels: int) -> None:
    expected = len(source.encoder.mean)
    if expected != channels:
        raise UserError(
            f"{source.name} was pretrained on images of {expected} channels, and --channels is {channels}: "
            f"set --channels {expected}, or pretrain on such images"
        )


def taken(config: TransferConfig, record: PretrainingRecord, *, background: int | None = 0) -> Taken:
    """The parts that --transfer names of a pretraining; auto those that its record advises, as far as they fit.

    Another decoder of the settings leaves the encoder alone. Without a `background` there is no foreground either: of
    outlines encoder and decoder are left.
    """
    if config.encoder.transfer != "auto":
        return config.encoder.transfer
    if config.decoder.another:
        return "encoder"
    return "encoder+decoder" if record.advised == "outlines" and background is None else record.advised


def _recognised(path: Path, config: TransferConfig) -> Source:
    """The encoder in a file of another program, or in one that --export_encoder wrote."""
    config.encoder.refuse_decoder(path)
    return _begun(*recognised_encoder(path, config.encoder, config.model, config.data.channels))


def _handed_over(path: Path, config: TransferConfig, background: int | None) -> Source:
    if (named := config.encoder.encoder) is not None:
        raise UserError(f"{path} and --encoder {named} both name an encoder: leave one of them out")
    file = load_handover(path, kind="autoencoder")
    transfer = taken(config, file.task, background=background)
    encoder = build_encoder(file.architecture["encoder"])
    decoder = build_decoder(file.architecture["decoder"]) if transfer != "encoder" else None
    loaded = load_exactly(encoder, file.sections["encoder"], f"the encoder in {path}") - len(CONSTANTS)
    if decoder is not None:
        loaded += load_exactly(decoder, file.sections["decoder"], f"the decoder in {path}")
    begun = file.task.origin and f", beginning with {file.task.origin}"
    name, foreground_head = f"{path} (pretext {file.task.pretext}{begun})", None
    if transfer == "outlines":
        name += ", its foreground head as initialisation of the classifier"
        foreground_head = file.sections.get("saliency_head")
        if foreground_head is None:
            raise UserError(
                f"{path} has no foreground head: pretrain with --pseudo_mask_weight 1, "
                "or use --transfer encoder+decoder"
            )
    seen = frozenset(file.provenance.train_images)
    return Source(
        name,
        encoder,
        decoder,
        foreground_head,
        loaded,
        file.task,
        uses_imagenet_labels=file.task.uses_imagenet_labels,
        unknown_labels=file.task.unknown_labels,
        earlier_masks=file.task.earlier_masks,
        train_images=seen,
        transfer=transfer,
    )


def _further(path: Path, config: TransferConfig) -> Source:
    """The whole network of an earlier run. Raises UserError for settings of another network."""
    file = load_handover(path, kind="segmentation")
    _refuse_other_network(path, file.provenance.config, config)
    net = rebuilt(lambda: SegmentationNet.from_architecture(file.architecture), file.sections, path)
    before, seen = file.provenance.encoder, file.provenance.train_images
    size, now = file.input.image_size, config.data.image_size
    return Source(
        str(path) if size == now else f"{path}, trained at {size} pixels and now at {now}",
        net.encoder,
        net.decoder,
        loaded=learnt_tensors(net, ("encoder", "decoder")),
        pretraining=before.pretraining,
        uses_imagenet_labels=before.uses_imagenet_labels,
        unknown_labels=before.unknown_labels,
        earlier_masks=before.earlier_masks + len(seen),
        train_images=frozenset(file.provenance.seen),
        classifier=Classifier(file.sections["head"], file.task.names, net.one_logit),
    )


def _refuse_other_network(path: Path, theirs: Mapping[str, Any], config: TransferConfig) -> None:
    usual = TransferConfig()
    for group in ("model", "decoder"):
        for name, value in vars(getattr(config, group)).items():
            if value != getattr(getattr(usual, group), name) and not _same(value, theirs.get(name)):
                raise UserError(f"--init_from {path} brings its own network: leave --{name} {as_typed(value)} out")


def _same(value: Any, other: Any) -> bool:
    return (list(value) if isinstance(value, tuple) else value) == (list(other) if isinstance(other, tuple) else other)


def _shaped_like(path: Path, config: TransferConfig, background: int | None) -> Source:
    """The parts of a file with fresh weights: the network that a pretraining is to be compared with."""
    told = f"scratch (shaped like {path})"
    if of_another_program(path):
        config.encoder.refuse_decoder(path)
        return Source(told, known_encoder(path, config.encoder, config.model, config.data.channels))
    file = load_handover(path, kind="autoencoder")
    transfer = taken(config, file.task, background=background)
    decoder = build_decoder(file.architecture["decoder"]) if transfer != "encoder" else None
    return Source(told, build_encoder(file.architecture["encoder"]), decoder, transfer=transfer)


def _by_name(config: TransferConfig) -> Source:
    encoder = fresh_encoder(config.encoder, config.model, config.data.channels)
    return _begun(encoder, first_weights(encoder, config.encoder))


def _begun(encoder: Encoder, begun: Beginning) -> Source:
    return Source(
        begun.source,
        encoder,
        loaded=begun.loaded,
        pretraining=begun.pretraining,
        uses_imagenet_labels=begun.uses_imagenet_labels,
        unknown_labels=begun.unknown_labels,
        earlier_masks=0 if begun.pretraining is None else begun.pretraining.earlier_masks,
        train_images=frozenset(begun.train_images),
    )
