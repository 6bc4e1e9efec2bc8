"""From batches of photographs to the tasks of phase 1: augmented images, what the pretext makes of them, and views."""

from dataclasses import replace

from torch import Tensor
from torch.nn import functional as F

from common.data.augment import Augment, augmented
from common.data.batches import Batch
from pretrain.build import build_tasks
from pretrain.config import PretrainConfig
from pretrain.losses.registry import ContrastSettings
from pretrain.pretexts.task import Task
from pretrain.pseudo_masks.crops import ForegroundCrops
from pretrain.teachers.known_maps import KnownMaps


class BatchTasks:
    """Makes the task of each batch, in training and in validation."""

    def __init__(self, config: PretrainConfig) -> None:
        self.make_task, self.side = build_tasks(config), config.data.image_size
        self.augment = Augment(config.augment, channels=config.data.channels)
        self.two = any(objective.views == 2 for objective in config.side.values())
        plan = config.settings(ContrastSettings)
        known = {"jitter": config.augment.jitter, "channels": config.data.channels}
        self.crops = ForegroundCrops(self.side, swap=plan.contrast_swap, **known) if plan.of_foreground else None

    def training(self, batch: Batch, known: KnownMaps | None = None) -> Task:
        """The task on a view of a batch, with another view of it where two are compared.

        `known` has the teacher's maps of the images.
        """
        if self.crops is not None:
            return self._of_crops(batch, self.crops)
        image, foreground, valid = augmented(batch, self.augment)
        asked = None if known is None else known(batch.index, self.augment.mirrored(len(batch)))
        task = self.make_task(image, foreground, self._other(batch), valid=valid)
        return replace(task, asked=asked)

    def validation(self, batch: Batch) -> Task:
        """The task on whole images of a batch."""
        if self.crops is not None:
            return self._of_crops(batch, self.crops)
        return self.make_task(batch.image, batch.mask, self._other(batch), valid=batch.valid)

    def _other(self, batch: Batch) -> tuple[Tensor, Tensor | None] | None:
        return augmented(batch, self.augment)[:2] if self.two else None

    def _of_crops(self, batch: Batch, crops: ForegroundCrops) -> Task:
        """Two crops of each photograph; the whole is shown to the picture's decoder alone, at the size of a crop."""
        assert batch.mask is not None, "the images come without pseudo-masks"
        first, second = crops(batch.image, batch.mask)
        whole = F.interpolate(batch.image, size=(self.side, self.side), mode="area")
        valid = None if batch.valid is None else F.adaptive_avg_pool2d(batch.valid.to(whole), self.side).floor()
        return Task(first, whole, valid=valid, other=(second, None))
