"""Models Genesis' four corruptions of an image, each of which takes another kind of knowledge to undo.

Source: Zhou et al. 2019, Models Genesis, arXiv 1908.06912, section 2, and the authors' program for sizes and
probabilities.
Deviation: colour pictures for grey volumes. All channels of a pixel move together and go through one curve; noise
is drawn for each channel. The other deviations stand with each transformation.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pretrain.pretexts.registry import RestoreSettings
from pretrain.pretexts.task import Task

BOXES = 5
ANOTHER = 0.95
"""Probability that a further box follows."""
MARGIN = 3
"""Pixels between a box and the border."""
CURVE_POINTS = 1000


def restore(image: Float[Tensor, "n c h w"], settings: RestoreSettings) -> Task:
    """Corrupt each image by shuffling, then recolouring, then painting, each with its own probability."""
    return Task(corrupted(image, settings), image)


def corrupted(image: Float[Tensor, "n c h w"], settings: RestoreSettings) -> Float[Tensor, "n c h w"]:
    """The corrupted images, see `restore`."""
    draws = torch.rand(3, len(image), 1, 1, 1, device=image.device)
    image = torch.where(draws[0] < settings.shuffle, shuffle_pixels(image), image)
    image = torch.where(draws[1] < settings.intensity, bend_intensities(image), image)
    noise = torch.rand_like(image)
    inside, outside = draws[2] < settings.inpaint, draws[2] >= 1 - settings.outpaint
    painted = torch.where(inside, inner_boxes(image), outside & ~kept_boxes(image))
    return torch.where(painted, noise, image)


def shuffle_pixels(image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Pixels change places at random within square windows, so that texture goes and shape stays.

    Deviation: the windows of a picture tile it from a random corner and have one random side, from 2 pixels to
    a tenth of the picture's; the authors draw 10,000 windows of random sides that overlap.
    """
    count, channels, height, width = image.shape
    device = image.device
    side = torch.randint(2, max(2, min(height, width) // 10) + 1, (count, 1), device=device)
    corner = (torch.rand(2, count, 1, device=device) * side).long()
    row = (torch.arange(height, device=device) + corner[0]) // side
    column = (torch.arange(width, device=device) + corner[1]) // side
    window = (row[:, :, None] * (width + 1) + column[:, None, :]).flatten(1)
    mixed = torch.rand(window.shape, device=device).argsort(1)
    source = mixed.gather(1, window.gather(1, mixed).argsort(dim=1, stable=True))
    place = window.argsort(dim=1, stable=True)  # both list the pixels window by window, one of them mixed
    taken = torch.empty_like(place).scatter_(1, place, source)
    return image.flatten(2).gather(2, taken[:, None].expand(-1, channels, -1)).view_as(image)


def bend_intensities(image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Every value goes through a random monotonic curve of its picture, in half of the pictures a falling one.

    A cubic Bezier curve with its ends in (0, 0) and (1, 1) and two random control points in the unit square.

    Deviation: a falling curve is a rising one upside down; the authors' falling ones may turn back.
    """
    control = torch.rand(2, len(image), 2, device=image.device)
    t = torch.linspace(0, 1, CURVE_POINTS, device=image.device)
    early, late, end = 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    x, y = (control[..., :1] * early + control[..., 1:] * late + end).sort(dim=2).values
    falls = torch.rand(len(image), 1, device=image.device) < 0.5
    bent = interpolate(image.flatten(1), x, torch.where(falls, 1 - y, y))
    return bent.view_as(image).to(image.dtype)


def interpolate(at: Float[Tensor, "n p"], x: Float[Tensor, "n k"], y: Float[Tensor, "n k"]) -> Float[Tensor, "n p"]:
    """Piecewise linear curves through (x, y), x rising, read at `at`: numpy.interp for a batch."""
    right = torch.searchsorted(x, at.contiguous()).clamp(1, x.shape[1] - 1)
    x0, x1, y0, y1 = x.gather(1, right - 1), x.gather(1, right), y.gather(1, right - 1), y.gather(1, right)
    share = ((at - x0) / (x1 - x0).clamp_min(torch.finfo(x.dtype).tiny)).clamp(0, 1)
    return y0 + share * (y1 - y0)


def inner_boxes(image: Float[Tensor, "n c h w"]) -> Bool[Tensor, "n 1 h w"]:
    """Where in-painting hides a picture: up to five boxes, a sixth to a third of its sides long."""
    height, width = image.shape[-2:]
    boxes = _boxes(image, (height // 6, height // 3), (width // 6, width // 3))
    return (boxes & _how_many(image, first=ANOTHER)).any(1, keepdim=True)


def kept_boxes(image: Float[Tensor, "n c h w"]) -> Bool[Tensor, "n 1 h w"]:
    """What out-painting leaves of a picture: one to five boxes, three to four sevenths of its sides long."""
    height, width = image.shape[-2:]
    boxes = _boxes(
        image,
        (height - 4 * height // 7, height - 3 * height // 7),
        (width - 4 * width // 7, width - 3 * width // 7),
    )
    return (boxes & _how_many(image, first=1.0)).any(1, keepdim=True)


def _how_many(image: Tensor, *, first: float) -> Bool[Tensor, "n k 1 1"]:
    """Which boxes of a picture are there: each if the one before is, and chance wants it."""
    chance = torch.rand(len(image), BOXES, device=image.device)
    wanted = torch.cat([chance[:, :1] < first, chance[:, 1:] < ANOTHER], dim=1)
    return wanted.long().cumprod(1).bool()[:, :, None, None]


def _boxes(image: Tensor, heights: tuple[int, int], widths: tuple[int, int]) -> Bool[Tensor, "n k h w"]:
    """Boxes with random sides (least and most are given) at random places, apart from the border."""
    rows, columns = _intervals(image, image.shape[-2], heights), _intervals(image, image.shape[-1], widths)
    return rows[:, :, :, None] & columns[:, :, None, :]


def _intervals(image: Tensor, side: int, lengths: tuple[int, int]) -> Bool[Tensor, "n k _"]:
    least, most = lengths
    length = torch.randint(least, most + 1, (len(image), BOXES, 1), device=image.device)
    room = side - 2 * MARGIN - length + 1
    start = MARGIN + (torch.rand(length.shape, device=image.device) * room).long()
    place = torch.arange(side, device=image.device)
    return (place >= start) & (place < start + length)
