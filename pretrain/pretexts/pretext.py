"""What the network is asked to do: rebuild a picture from what a pretext leaves of it.

Random numbers come from torch's global generator of the device that holds the batch, which is seeded for every
batch: the same seed gives the same task on the same kind of device.
"""

from dataclasses import replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from common.run.records import PretrainingRecord
from pretrain.config import PretextConfig
from pretrain.pretexts.corrupt import denoise, mask
from pretrain.pretexts.restore import restored
from pretrain.pretexts.task import Task, View

SKIP_DROP = 0.5
"""Probability with which a sample loses its skips."""


@torch.no_grad()
def make_task(
    image: Float[Tensor, "n c h w"],
    config: PretextConfig,
    salient: Int64[Tensor, "n h w"] | None = None,
    other: View | None = None,
) -> Task:
    """The task that the settings make of clean pictures in [0, 1], of what stands out of them, and of another view."""
    match config.pretext:
        case "plain":
            task = Task(image, image)
        case "denoise":
            task = denoise(image, sigma=config.noise_sigma)
        case "mask":
            every_level = config.hidden_at == "every_level"
            task = mask(image, ratio=config.mask_ratio, patch_size=config.patch_size, every_level=every_level)
        case "restore":
            task = Task(restored(image, config), image)
    if config.skips == "drop":
        kept = torch.rand(len(image), device=image.device) >= SKIP_DROP
        task = replace(task, keep=kept.to(image.dtype))
    return replace(task, salient=salient, other=other)


PRETEXT_SETTINGS = {
    "plain": (),
    "denoise": ("noise_sigma",),
    "mask": ("mask_ratio", "patch_size", "hidden_at"),
    "restore": ("inpaint", "outpaint", "shuffle", "intensity"),
}


def pretext_words(task: PretrainingRecord) -> str:
    """The pretext in words, and those that it followed."""
    after = f", after {pretext_words(task.before)}" if task.before is not None else ""
    words = {
        "plain": "rebuilding pictures",
        "denoise": "taking noise off pictures",
        "mask": "filling in hidden patches",
        "restore": "restoring damaged pictures",
    }[task.pretext]
    asked = {"hog": ", as gradient histograms", "features": f", as the features of {task.perceptual}"}
    seen = {"denoise": " of noisy pictures", "mask": " behind hidden patches", "restore": " of damaged pictures"}
    parts = [] if task.target in ("saliency", "contrast") else [words + asked.get(task.target, "")]
    parts += ["telling what stands out"] if task.pseudo_mask_weight > 0 else []
    parts += ["telling photographs apart"] if task.contrast_weight > 0 else []
    shown = "" if task.target not in ("saliency", "contrast") else seen.get(task.pretext, "")
    return ", and ".join(parts) + shown + after
