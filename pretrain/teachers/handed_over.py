"""The encoder in a file of this program as a teacher."""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from common.models.encoder import Encoder
from common.run.checkpoint import SegmentationHandover, handover_file, load_handover
from common.run.label_use import LabelUse, TeacherRecord
from pretrain.encoder import encoder_of
from pretrain.teachers.teacher import LATE, Teacher, enlarged


class EncoderTeacher(Teacher):
    """The coarsest maps of an encoder."""

    def __init__(self, encoder: Encoder, record: TeacherRecord, train_images: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.encoder, self.record, self.train_images = encoder, record, train_images
        self.in_channels = len(encoder.mean)
        self.requires_grad_(False).eval()

    def maps(self, image: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        return self.encoder(enlarged(image))[-LATE:]


def handed_over(path: Path) -> EncoderTeacher:
    """The encoder in an ae.pth, a best.pth of either phase, or a run's folder; with the labels that its file names.

    Masks of a segmentation network count, and those that taught what it began with. Raises UserError for a file that
    is not of this program.
    """
    file = handover_file(path)
    handover = load_handover(file)
    masks = 0
    seen = handover.provenance.train_images
    if isinstance(handover, SegmentationHandover):
        labels: LabelUse = handover.provenance.encoder
        masks, seen = len(seen), (*seen, *handover.provenance.earlier_images)
    else:
        labels = handover.task
    record = TeacherRecord(
        name=str(path),
        uses_imagenet_labels=labels.uses_imagenet_labels,
        uses_labels=labels.uses_labels,
        unknown_labels=labels.unknown_labels,
        earlier_masks=labels.earlier_masks + masks,
        taught_by=labels.taught_by,
    )
    return EncoderTeacher(encoder_of(handover, file), record, tuple(seen))
