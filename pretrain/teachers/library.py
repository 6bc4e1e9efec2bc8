"""Networks of timm, and encoders of segmentation_models_pytorch, as teachers."""

import re
from pathlib import Path

from common.errors import UserError, nearest
from common.models.smp import SMPEncoder, smp_names
from common.run.label_use import UNKNOWN, TeacherRecord
from pretrain.teachers.handed_over import EncoderTeacher
from pretrain.teachers.teacher import Teacher, given_record, seen_by
from pretrain.teachers.timm_network import TimmTeacher

INSTALL = "pip install segmentation-models-pytorch"
"""Which brings timm along."""


def library_teacher(word: str, weights: Path | None) -> Teacher:
    """The network that --teacher names, with its publisher's weights, or those in a file.

    A name that both libraries have is timm's. Raises UserError where neither is installed or has it, and where the
    weights can't be had or do not fit.
    """
    try:
        import timm
    except ImportError:
        raise UserError(
            f"--teacher {word}: teachers beside mobilenet_v2 come from another package: {INSTALL}"
        ) from None
    name = re.sub("^(tu|timm)-", "", word)  # as segmentation_models_pytorch calls those of timm
    if timm.is_model(name):
        return TimmTeacher(name, weights)
    if word in smp_names():
        return _of_smp(word, weights)
    known = [*timm.list_models(), *timm.list_pretrained(), *smp_names()]
    raise UserError(f"--teacher {word}: there is no such network, and no such file{nearest(word, known)}")


def _of_smp(name: str, weights: Path | None) -> Teacher:
    encoder = SMPEncoder(encoder=name)
    try:
        given = encoder.load_pretrained(weights)
    except UserError as error:
        told = str(error).replace("--encoder_weights_path", "--teacher_weights")
        raise UserError(told.replace(", or set --encoder_weights none", "")) from None
    if weights is not None:
        return EncoderTeacher(encoder, given_record(name, weights, given), seen_by(given))
    return EncoderTeacher(
        encoder, TeacherRecord(name=name, weights="imagenet", licence=UNKNOWN, uses_imagenet_labels=True)
    )
