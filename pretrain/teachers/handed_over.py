"""The encoder in a file of this program as a teacher."""

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from common.errors import UserError
from common.models.encoder import Encoder
from common.models.layout import channels_last
from common.models.rebuild import planned
from common.models.registry import build_encoder
from common.run.checkpoint import SegmentationHandover, handover_file, load_handover
from common.run.exported import SUFFIX, read_export
from common.run.label_use import TeacherRecord
from pretrain.encoder import encoder_of
from pretrain.teachers.teacher import LATE, Teacher, enlarged, taught_record


class EncoderTeacher(Teacher):
    """The coarsest maps of an encoder."""

    def __init__(self, encoder: Encoder, record: TeacherRecord, train_images: Sequence[str] = ()) -> None:
        super().__init__()
        self.encoder, self.record, self.train_images = encoder, record, train_images
        self.in_channels = len(encoder.mean)
        channels_last(encoder)
        self.requires_grad_(False).eval()

    def maps(self, image: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        return self.encoder(enlarged(image))[-LATE:]


def handed_over(path: Path) -> EncoderTeacher:
    """The encoder in an ae.pth, a best.pth of either phase, a run's folder, or an export; with the labels it names.

    Masks of a segmentation network count, and those that taught what it began with. Raises UserError for a file that
    is not of this program.
    """
    file = handover_file(path)
    if file.suffix == SUFFIX:
        return _exported(file)
    handover = load_handover(file)
    seen = handover.provenance.train_images
    if isinstance(handover, SegmentationHandover):
        record = taught_record(str(path), handover.provenance.encoder, masks=len(seen))
        seen = handover.provenance.seen
    else:
        record = taught_record(str(path), handover.task)
    return EncoderTeacher(encoder_of(handover, file), record, seen)


def _exported(file: Path) -> EncoderTeacher:
    """The encoder that --export_encoder wrote."""
    if not file.is_file():
        raise UserError(f"--teacher {file}: there is no such file")
    about = read_export(file)
    if about is None:
        raise UserError(
            f"{file} does not say what network it is of: name that with --teacher, and give it with --teacher_weights"
        )
    planned(lambda: build_encoder(about.architecture), file)
    encoder = build_encoder(about.architecture)
    encoder.load_file(file, flag="--teacher")
    return EncoderTeacher(encoder, taught_record(str(file), about.task), about.train_images)
