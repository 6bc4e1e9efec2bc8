"""MobileNetV2 as a teacher."""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from common.models.given import load_given
from common.models.mobilenet import MobileNetV2Encoder
from common.models.weights import IMAGENET, is_imagenet
from common.run.label_use import UNKNOWN, TeacherRecord
from pretrain.fixed_network import LATE_TAPS, FixedNetwork, perceptual_state
from pretrain.targets.registry import FIXED_NETWORK, LossConfig
from pretrain.teachers.teacher import Teacher, enlarged


class MobileNetTeacher(Teacher):
    """MobileNetV2's last maps at strides 16 and 32.

    Its weights are those in --teacher_weights, else those of the perceptual network. Raises UserError where they can't
    be had, or do not fit.
    """

    def __init__(self, settings: LossConfig) -> None:
        super().__init__()
        path = settings.teacher_weights
        if path is None:
            self.network = FixedNetwork(perceptual_state(settings), LATE_TAPS)
            self.record = _record(settings.perceptual_init, settings.perceptual_weights_path)
            return
        self.network = FixedNetwork(_given(path), LATE_TAPS)
        self.record = _record("imagenet" if is_imagenet(FIXED_NETWORK, path) else "own", path)

    def maps(self, image: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        return self.network.maps(enlarged(image))


def _given(path: Path) -> dict[str, Tensor]:
    """Weights in a file, by torchvision's names whatever stands before them there."""
    whole = nn.ModuleDict({"features": MobileNetV2Encoder().features})
    load_given(whole, path, FIXED_NETWORK)
    return whole.state_dict()


def _record(origin: str, path: Path | None) -> TeacherRecord:
    match origin:
        case "imagenet":
            return TeacherRecord(
                name=FIXED_NETWORK, weights=origin, licence=IMAGENET[FIXED_NETWORK].licence, uses_imagenet_labels=True
            )
        case "random":
            return TeacherRecord(name=FIXED_NETWORK, weights=origin)
        case _:
            return TeacherRecord(name=FIXED_NETWORK, weights=str(path), licence=UNKNOWN, unknown_labels=True)
