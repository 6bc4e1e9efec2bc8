"""Crops of the foreground: the two views of a photograph that contrastive learning compares."""

import torch
from jaxtyping import Float, Float32, Int64
from kornia.augmentation import AugmentationSequential, ColorJitter, RandomGrayscale
from torch import Tensor
from torch.nn import functional as F

AREA = (0.3, 1.0)
"""Ends of the range from which a crop's share of the box is drawn."""
ASPECT = 4 / 3
"""A crop is at most this many times as wide as the box, at equal areas, or as high."""
MARGIN = 0.2
"""By how much a box is wider and higher than the foreground."""
EDGE = 0.01
"""Share of the foreground that may lie beyond each side of its box: specks do not move it."""
LEAST = 0.03
"""Share of a photograph below which its foreground is too small to crop: the whole is taken."""
RECOLOURED, GREY = 0.8, 0.2
"""Shares of views whose colours are changed, and that lose them."""

WHOLE = torch.tensor([-1.0, -1.0, 1.0, 1.0])
"""The box of a whole photograph: left, top, right, bottom."""

Images = Float[Tensor, "n c h w"]
Views = Float[Tensor, "n c p q"]


class ForegroundCrops:
    """Two views of each photograph: crops of its foreground, recoloured, the first on other backgrounds at times.

    Random numbers come from torch's global CPU generator.

    Source: Henaff et al. 2021, DetCon, arXiv 2103.10957 (regions by heuristic masks); Ryali et al. 2021, arXiv
    2103.12719 (swapped backgrounds); Chen et al. 2020, MoCo v2, arXiv 2003.04297 (strength of the colours).
    Deviation: one region a photograph, which is cropped; the other background is that of another photograph, whole.
    """

    def __init__(self, side: int, *, swap: float, jitter: float, channels: int = 3) -> None:
        """`side`: of a view in pixels. `swap`: the share of first views with another background. `jitter`: strength."""
        colours = ColorJitter(jitter, jitter, jitter, jitter / 4, p=RECOLOURED)
        self.side, self.swap = side, swap
        self.recolour = AugmentationSequential(colours, RandomGrayscale(p=GREY)) if channels == 3 else None

    @torch.no_grad()
    def __call__(self, image: Images, foreground: Int64[Tensor, "n h w"]) -> tuple[Views, Views]:
        """The views of images in [0, 1] whose foreground is 1, in [0, 1], square."""
        boxes = foreground_boxes(foreground)
        first, shown = self._crop(image, foreground, boxes)
        second, _ = self._crop(image, foreground, boxes)
        other = F.interpolate(image.roll(1, 0), size=(self.side, self.side), mode="area")
        swapped = (torch.rand(len(image)) < self.swap).to(image.device) & (shown.mean((1, 2, 3)) > LEAST)
        kept = torch.where(swapped[:, None, None, None], shown, 1.0)
        return self._recoloured(first * kept + other * (1 - kept)), self._recoloured(second)

    def _crop(
        self, image: Images, foreground: Int64[Tensor, "n h w"], boxes: Float32[Tensor, "n 4"]
    ) -> tuple[Views, Float[Tensor, "n 1 p q"]]:
        """A random part of each box, and its share of foreground by pixels; half of them are mirrored.

        A box is first drawn apart, by up to the whole photograph: later images show objects as small as that.
        """
        count, draws = len(image), torch.rand(len(image), 6)
        low, high = torch.lerp(boxes, WHOLE.to(boxes), draws[:, 5:].to(boxes.device)).chunk(2, dim=1)
        area = AREA[0] + (AREA[1] - AREA[0]) * draws[:, :1]
        wide = ASPECT ** (draws[:, 1:2] - 0.5)
        size = ((area.sqrt() * torch.cat([wide, 1 / wide], 1)).clamp(max=1)).to(boxes.device) * (high - low)
        middle = low + size / 2 + draws[:, 2:4].to(boxes.device) * (high - low - size)
        mirror = torch.where(draws[:, 4] < 0.5, -1.0, 1.0).to(boxes.device)
        transform = torch.zeros(count, 2, 3, device=boxes.device)
        transform[:, 0, 0], transform[:, 1, 1] = mirror * size[:, 0] / 2, size[:, 1] / 2
        transform[:, :, 2] = middle
        grid = F.affine_grid(transform, [count, 1, self.side, self.side], align_corners=False)
        shares = (foreground == 1)[:, None].to(image.dtype)
        return _sampled(image, grid, padding="reflection"), _sampled(shares, grid, padding="zeros")

    def _recoloured(self, view: Views) -> Views:
        return view if self.recolour is None else self.recolour(view, data_keys=["input"]).clamp(0, 1)


def foreground_boxes(foreground: Int64[Tensor, "n h w"]) -> Float32[Tensor, "n 4"]:
    """The box of each foreground with its margin: left, top, right, bottom, from -1 to 1 over the image.

    A photograph of which less than `LEAST` is foreground has a box of its own size.
    """
    inside = (foreground == 1).float()
    sides = [_ends(inside.sum(axis)) for axis in (1, 2)]
    low, high = (torch.stack([side[end] for side in sides], dim=1) for end in (0, 1))
    middle, half = (low + high) / 2, (high - low) / 2 * (1 + MARGIN)
    boxes = torch.cat([middle - half, middle + half], dim=1).clamp(-1, 1)
    return torch.where((inside.mean((1, 2)) < LEAST)[:, None], WHOLE.to(boxes), boxes)


def _ends(counts: Float32[Tensor, "n s"]) -> tuple[Float32[Tensor, " n"], Float32[Tensor, " n"]]:
    """Between which places, from -1 to 1, all but `EDGE` of the counts at either end lie."""
    before = counts.cumsum(1) / counts.sum(1, keepdim=True).clamp(min=1)
    side = counts.shape[1]
    first, last = (before < EDGE).sum(1), (before < 1 - EDGE).sum(1) + 1
    return 2 * first / side - 1, 2 * last.clamp(max=side) / side - 1


def _sampled(image: Images, grid: Float32[Tensor, "n p q 2"], *, padding: str) -> Views:
    return F.grid_sample(image, grid, mode="bilinear", padding_mode=padding, align_corners=False)
