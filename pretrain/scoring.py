"""Scores of an autoencoder's reconstructions, image by image and in mean."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from common.data.batches import Batch, each_image
from common.data.classes import IGNORE
from common.data.pack import Pack
from common.ranks.group import collected, dealt
from common.rows import Means, Row
from common.tensors import at_least_float32, image_mean
from pretrain.compared import Yardstick
from pretrain.losses.pseudo_mask import probability
from pretrain.losses.registry import SIDE_OBJECTIVES
from pretrain.losses.ssim import ssim_within
from pretrain.model import Autoencoder
from pretrain.pretexts.task import Task, TaskMaker
from pretrain.targets.target import Target, Terms


def means(scores: Mapping[str, Float[np.ndarray, " n"]]) -> Row:
    """The mean of each score over the images that have one."""
    return {name: float(np.nanmean(values)) for name, values in scores.items()}


def mean_loss(terms: Callable[[Task], Terms], tasks: Iterable[Task]) -> Row:
    """The mean of the loss over the images of tasks. All tasks are made, also those that other processes score."""
    means = Means()
    for loss, images in collected([(terms(task)["loss"].item(), len(task.image)) for task in dealt(tasks)]):
        means.add({"loss": loss}, images)
    return means.row()


@torch.no_grad()
def score_images(
    model: Autoencoder, pack: Pack, *, batch_size: int, device: torch.device, doing: str = ""
) -> dict[str, Float[np.ndarray, " n"]]:
    """MSE, PSNR (dB) and SSIM of every image in file order, and two yardsticks of the PSNR.

    "psnr_mean_colour" is that of each image's mean colour, the chance level of a reconstruction.
    "psnr_no_skips" is the skip-dependence score: far below "psnr", the skips carry the image, not the coarsest map.
    It is absent where the decoder has no skips. With `doing` ("scoring") a bar is shown.
    """
    model.eval()
    parts: list[dict[str, Float[np.ndarray, " n"]]] = []
    for batch in dealt(each_image(pack, batch_size=batch_size, device=device, doing=doing)):
        reconstruction, without = rebuild(model, batch.image)
        scores = reconstruction_scores(reconstruction, batch.image, batch.valid)
        scores["psnr_mean_colour"] = _psnr(batch.image - _mean_colour(batch), batch.valid)
        if without is not None:
            scores["psnr_no_skips"] = reconstruction_scores(without, batch.image, batch.valid)["psnr"]
        parts.append({name: values.cpu().numpy() for name, values in scores.items()})
    parts = collected(parts)
    return {name: np.concatenate([part[name] for part in parts]).astype(np.float64) for name in parts[0]}


def rebuild(
    model: Autoencoder, image: Float[Tensor, "n c h w"]
) -> tuple[Float[Tensor, "n d h w"], Float[Tensor, "n d h w"] | None]:
    """The reconstruction, and the one from the coarsest map alone; None where no decoder with skips makes it."""
    features = model.encode(image)
    reconstruction = model.rebuild(features, image)
    if model.picture is not None or model.decoder.skips == "none":
        return reconstruction, None
    nothing = torch.zeros(len(image), device=image.device)
    return reconstruction, model.rebuild(features, image, keep=nothing)


@torch.no_grad()
def score_task(
    model: Autoencoder, target: Target, pack: Pack, make_task: TaskMaker, *, batch_size: int, device: torch.device
) -> Float[np.ndarray, " n"]:
    """By what share the error of the task on each image is below that of guessing the mean, see `Yardstick`.

    Random parts of the task come from torch's global generator.
    """
    model.eval()
    yardstick = Yardstick()
    for batch in each_image(pack, batch_size=batch_size, device=device):
        task = make_task(batch.image, valid=batch.valid)
        features = model.encode(task.seen, task.visible, everywhere=task.everywhere)
        yardstick.add(target.compared(model.decode(features, keep=task.keep), task))
    return yardstick.better()


@torch.no_grad()
def score_outlines(
    model: Autoencoder, pack: Pack, *, background: int | None, batch_size: int, device: torch.device
) -> Float[np.ndarray, " n"] | None:
    """The IoU of the predicted foreground of each image with all of its mask but `background`; 255 does not count.

    None where the network predicts no foreground, or there are no masks, or no class is the background. NaN where
    neither has foreground.
    """
    if pack.masks is None or background is None or "pseudo_mask" not in model.heads:
        return None
    found = []
    model.eval()
    for batch in each_image(pack, batch_size=batch_size, device=device):
        predicted, truth = foreground_probability(model, batch.image), batch.mask
        assert predicted is not None
        assert truth is not None
        counts, ours, theirs = (truth != IGNORE).cpu().numpy(), predicted > 0.5, (truth != background).cpu().numpy()
        both, either = ((mask & counts).sum((1, 2)) for mask in (ours & theirs, ours | theirs))
        found.append(np.where(either > 0, both / np.maximum(either, 1), np.nan))
    return np.concatenate(found)


@torch.no_grad()
def side_pictures(
    model: Autoencoder, image: Float[Tensor, "n c h w"], pseudo_mask: Int64[Tensor, "n h w"] | None = None
) -> dict[str, dict[str, UInt8[np.ndarray, "n h w 3"]]]:
    """The pictures of each side objective that the network has a head for, see `SideObjective.picture`."""
    if not model.side:
        return {}
    outputs = model.eval().decode(model.encode(image))
    pictures = {name: SIDE_OBJECTIVES[name].load().picture(outputs[name], pseudo_mask) for name in model.side}
    return {name: drawn for name, drawn in pictures.items() if drawn}


@torch.no_grad()
def foreground_probability(model: Autoencoder, image: Float[Tensor, "n c h w"]) -> Float[np.ndarray, "n h w"] | None:
    """The predicted probability of foreground in each pixel; None for a network without a head for it."""
    if "pseudo_mask" not in model.heads:
        return None
    return probability(model.decode(model.encode(image))["pseudo_mask"])


SMALLEST_MSE = 1e-10  # 100 dB


def reconstruction_scores(
    reconstruction: Float[Tensor, "n c h w"],
    image: Float[Tensor, "n c h w"],
    valid: Bool[Tensor, "n 1 h w"] | None = None,
) -> dict[str, Float[Tensor, "n"]]:
    """Score each reconstruction as it is displayed, clamped to [0, 1], over the pixels that are `valid`.

    "mse" in [0, 1], "psnr" in dB for a data range of 1, "ssim" in [-1, 1].

    Source: PSNR, Wang and Bovik 2009, doi 10.1109/MSP.2008.930649; SSIM, see `pretrain.losses.ssim`.
    Deviation: PSNR stops at 100 dB, so that a mean over images exists; others give infinity for equal images.
    """
    reconstruction = at_least_float32(reconstruction).clamp(0, 1)
    image = image.to(reconstruction.dtype)
    error = reconstruction - image
    mse = image_mean(error.square(), valid)
    return {"mse": mse, "psnr": _psnr(error, valid), "ssim": ssim_within(reconstruction, image, valid)}


def _psnr(error: Float[Tensor, "n c h w"], valid: Bool[Tensor, "n 1 h w"] | None) -> Float[Tensor, " n"]:
    return -10 * image_mean(error.square(), valid).clamp(min=SMALLEST_MSE).log10()


def _mean_colour(batch: Batch) -> Float[Tensor, "n c 1 1"]:
    if batch.valid is None:
        return batch.image.mean((2, 3), keepdim=True)
    return (batch.image * batch.valid).sum((2, 3), keepdim=True) / batch.valid.sum((2, 3), keepdim=True)
