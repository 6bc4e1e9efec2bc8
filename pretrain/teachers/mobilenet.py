"""MobileNetV2 as a teacher."""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from common.models.given import load_given
from common.models.mobilenet import MobileNetV2Encoder
from common.models.weights import IMAGENET, imagenet_state, is_imagenet
from common.run.label_use import UNKNOWN, TeacherRecord
from pretrain.fixed_network import LATE_TAPS, FixedNetwork, perceptual_state
from pretrain.targets.registry import FIXED_NETWORK, LossConfig
from pretrain.teachers.teacher import Teacher, enlarged, given_record, seen_by

IMAGENET_RECORD = TeacherRecord(
    name=FIXED_NETWORK, weights="imagenet", licence=IMAGENET[FIXED_NETWORK].licence, uses_imagenet_labels=True
)


class MobileNetTeacher(Teacher):
    """MobileNetV2's last maps at strides 16 and 32.

    Its weights are those in --teacher_weights, else those of the perceptual network. Raises UserError where they can't
    be had, or do not fit.
    """

    def __init__(self, settings: LossConfig) -> None:
        super().__init__()
        path = settings.teacher_weights
        if path is None:
            state, self.record = perceptual_state(settings), _usual_record(settings)
        elif is_imagenet(FIXED_NETWORK, path):
            state, self.record = imagenet_state(FIXED_NETWORK, path), IMAGENET_RECORD
        else:
            state = self._given(path)
        self.network = FixedNetwork(state, LATE_TAPS)

    def maps(self, image: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        return self.network.maps(enlarged(image))

    def _given(self, path: Path) -> dict[str, Tensor]:
        """Weights in a file, by torchvision's names whatever stands before them there."""
        whole = nn.ModuleDict({"features": MobileNetV2Encoder().features})
        given = load_given(whole, path, FIXED_NETWORK, flag="--teacher_weights", ours="--teacher")
        self.record, self.train_images = given_record(FIXED_NETWORK, path, given), seen_by(given)
        return whole.state_dict()


def _usual_record(settings: LossConfig) -> TeacherRecord:
    """What is known of the weights of the perceptual network."""
    match settings.perceptual_init:
        case "imagenet":
            return IMAGENET_RECORD
        case "random":
            return TeacherRecord(name=FIXED_NETWORK, weights="random")
        case "own":
            path = str(settings.perceptual_weights_path)
            return TeacherRecord(name=FIXED_NETWORK, weights=path, licence=UNKNOWN, unknown_labels=True)
