"""Networks of timm as teachers: convolutional ones, and vision transformers."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from common.errors import UserError, nearest
from common.models.given import load_given
from common.models.hub import hub_address, hub_file
from common.run.label_use import UNKNOWN, TeacherRecord
from pretrain.teachers.efficientnet_names import with_names_of_timm
from pretrain.teachers.teacher import LATE, STRIDE, Teacher, enlarged, given_record, seen_by

FILES = ("model.safetensors", "pytorch_model.bin")
"""What timm calls files of weights on the hub."""
SELF_SUPERVISED = {
    *("dino", "fb_dino", "lvd142m", "lvd1689m", "dinov3_lvd1689m", "sat493m"),  # DINO, DINOv2 and DINOv3
    *("mae", "fcmae", "in1k_ijepa", "in22k_ijepa", "seer"),
}
"""The tags of weights that no label taught."""
IMAGENET = re.compile(r"(?<!mim_)in(1|12|21|w21|22)k")
"""Tags of weights that ImageNet's labels taught; mim_in22k takes its features from a network of captions."""


class TimmTeacher(Teacher):
    """The last maps of a network that timm has.

    Of a pyramid these are its two coarsest maps, of images that are enlarged twice, so that a cell of 8 pixels has a
    place of its own at stride 16. Of a transformer it is its last block's normalised patch tokens, without those of the
    class and registers: images are enlarged until each cell is a patch, and position embeddings are resampled.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, weights: Path | None) -> None:
        super().__init__()
        from timm.data import resolve_model_data_config

        self.network: Any = _fresh(name)
        self.side, self.taken = _levels(self.network)
        self._fill(name, weights)
        statistics = resolve_model_data_config(self.network)
        for part in ("mean", "std"):
            self.register_buffer(part, torch.tensor(statistics[part]).view(-1, 1, 1))
        self.requires_grad_(False).eval()
        if self.side == STRIDE:
            self.to(memory_format=torch.channels_last)

    def _fill(self, name: str, weights: Path | None) -> None:
        """Load the weights in a file, or those that timm publishes."""
        architecture, known = name.partition(".")[0], self.network.pretrained_cfg
        file = _published(known, name) if weights is None else weights
        given = load_given(
            self.network,
            file,
            name,
            convert=_converted,
            rename=with_names_of_timm,
            flag="--teacher_weights",
            ours="--teacher",
        )
        if weights is None:
            self.record = published_record(architecture, known)
        else:
            self.record, self.train_images = given_record(architecture, weights, given), seen_by(given)

    def maps(self, image: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        normalised = (enlarged(image, self.side) - self.mean) / self.std
        found = self.network.forward_intermediates(normalised, **self.taken, intermediates_only=True)
        return [maps.contiguous() for maps in found]


def _fresh(name: str) -> nn.Module:
    """The network with random weights, for images of any size where it has a form for that."""
    import timm

    try:
        try:
            return timm.create_model(name, num_classes=0, dynamic_img_size=True)
        except TypeError:  # convolutions take any size
            return timm.create_model(name, num_classes=0)
    except RuntimeError as error:  # of its tag
        told = str(error).rstrip(".")
        raise UserError(f"--teacher {name}: {told}{nearest(name, timm.list_pretrained())}") from None


def _levels(network: Any) -> tuple[int, dict[str, Any]]:
    """How many pixels a cell gets, and which of the network's maps are taken."""
    strides = [level["reduction"] for level in network.feature_info]
    if len(set(strides)) == 1:
        return strides[0], {"indices": 1, "norm": True}
    last = {stride: index for index, stride in enumerate(strides)}
    return STRIDE, {"indices": [last[stride] for stride in sorted(last)[-LATE:]]}


def published_record(name: str, known: Mapping[str, Any]) -> TeacherRecord:
    """What timm says of the weights that it publishes; whose labels taught them follows from their tag."""
    tag = known.get("tag") or ""
    imagenet = tag not in SELF_SUPERVISED and IMAGENET.search(tag) is not None
    return TeacherRecord(
        name=name,
        weights=tag,
        licence=known.get("license") or UNKNOWN,
        uses_imagenet_labels=imagenet,
        unknown_labels=tag not in SELF_SUPERVISED and not imagenet,
    )


def _published(known: Mapping[str, Any], name: str) -> Path:
    """The file of weights that timm publishes on the hub."""
    repository = known.get("hf_hub_id")
    if not repository:
        raise UserError(f"timm publishes no weights of {name} on the hub: give a file of them with --teacher_weights")
    try:
        return hub_file(repository, *FILES)
    except OSError as error:
        raise UserError(
            f"cannot get the weights of the teacher {name} ({' '.join(str(error).split())}): connect to the internet, "
            f"or fetch {hub_address(repository, FILES[0])} elsewhere and give it with --teacher_weights"
        ) from None


def _converted(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Weights by timm's names, of a file that has those of their first publisher."""
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    return state if convert is None else convert(state, network)
