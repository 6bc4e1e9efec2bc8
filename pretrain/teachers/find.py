"""The teacher that the settings name."""

from pathlib import Path

import torch

from common.errors import UserError
from common.models.rebuild import REFUSALS
from common.run.checkpoint import handover_file
from pretrain.targets.registry import FIXED_NETWORK, LossConfig
from pretrain.teachers.handed_over import handed_over
from pretrain.teachers.library import library_teacher
from pretrain.teachers.mobilenet import MobileNetTeacher
from pretrain.teachers.teacher import Teacher

SUFFIXES = {".pth", ".pt", ".ckpt", ".bin", ".safetensors"}
"""Of files of weights; names of networks have none of them."""
SIDES = (64, 96)
"""A network that takes these sides takes every multiple of 32 pixels."""


def find_teacher(settings: LossConfig, channels: int) -> Teacher:
    """MobileNetV2, the network of a library, or the encoder in a file of this program.

    Raises UserError where it is not there or can't be had, and for a teacher of images with other channels.
    """
    word, weights = settings.teacher, settings.teacher_weights
    if weights is not None and not weights.is_file():
        raise UserError(f"there is no file of weights at {weights}: check --teacher_weights")
    if word == FIXED_NETWORK:
        teacher = MobileNetTeacher(settings)
    elif _is_file(Path(word)):
        if weights is not None:
            raise UserError(f"--teacher {word} brings its own weights: leave --teacher_weights out")
        teacher = handed_over(Path(word))
    else:
        teacher = library_teacher(word, weights)
    if teacher.in_channels != channels:
        raise UserError(
            f"the teacher {word} takes images of {teacher.in_channels} channels, and --channels is {channels}: set "
            f"--channels {teacher.in_channels}, or another --teacher"
        )
    return teacher


def _is_file(path: Path) -> bool:
    return len(path.parts) > 1 or path.suffix in SUFFIXES or handover_file(path).is_file()


def map_channels(teacher: Teacher) -> list[int]:
    """The channels of each of a teacher's maps. Raises UserError where it does not take images of every size."""
    try:
        with torch.no_grad():
            found = [teacher.maps(torch.zeros(1, teacher.in_channels, side, side)) for side in SIDES]
    except REFUSALS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        name = teacher.record.name
        raise UserError(f"--teacher {name} takes images of its own size alone ({reason}): choose another") from None
    return [maps.shape[1] for maps in found[0]]
