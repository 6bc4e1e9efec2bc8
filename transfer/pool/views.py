"""The strong view of photographs, on which the network learns what the teacher said of the plain one."""

import torch
from jaxtyping import Bool, Float
from kornia.augmentation import ColorJitter, RandomBrightness, RandomContrast, RandomGaussianBlur, RandomGrayscale
from torch import Tensor, nn

from transfer.pool.votes import Lesson

CUT = 0.5
"""Probability that a photograph gets a part of another one."""
AREA = 0.1, 0.5
"""Share of the image that this part may have."""


def strong_view(channels: int) -> nn.Module:
    """Changes the colours of a batch, and blurs it; no pixel moves.

    Source: Yang et al. 2023, UniMatch, arXiv 2208.09910, section 4.1. Deviation: one strong view in place of two.
    """
    blur = RandomGaussianBlur((5, 5), (0.1, 1.5), p=0.5)
    if channels == 3:
        return nn.Sequential(ColorJitter(0.5, 0.5, 0.5, 0.25, p=0.8), RandomGrayscale(p=0.2), blur)
    return nn.Sequential(RandomBrightness((0.5, 1.5), p=0.8), RandomContrast((0.5, 1.5), p=0.8), blur)


def cut_places(count: int, height: int, width: int) -> Bool[Tensor, "n 1 h w"]:
    """The pixels of `count` images that come from others: a rectangle, or none."""
    share = torch.empty(count).uniform_(*AREA).sqrt()
    start = torch.rand(2, count) * (1 - share)
    cut = torch.rand(count) < CUT
    inside = []
    for first, side in zip(start, (height, width), strict=True):
        place = (torch.arange(side) + 0.5) / side
        inside.append((place >= first[:, None]) & (place < (first + share)[:, None]))
    rows, columns = inside
    return (cut[:, None, None] & rows[:, :, None] & columns[:, None, :])[:, None]


def cut_mix(
    places: Bool[Tensor, "n 1 h w"], image: Float[Tensor, "n c h w"], lesson: Lesson
) -> tuple[Float[Tensor, "n c h w"], Lesson]:
    """Images and what they teach, with the rectangles of the image before each.

    Source: French et al. 2020, arXiv 1906.01916, section 3.3 (CutMix for semi-supervised segmentation).
    Deviation: a rectangle has the image's aspect, and from 0.1 to 0.5 of its area.
    """
    classes, figure = (torch.where(places[:, 0], maps.roll(1, 0), maps) for maps in (lesson.classes, lesson.figure))
    return torch.where(places, image.roll(1, 0), image), Lesson(classes, figure)


def strong(view: nn.Module, image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """The strong view of images in [0, 1]."""
    return view(image).clamp(0, 1)
