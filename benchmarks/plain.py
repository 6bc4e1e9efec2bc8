"""Training loops as people write them for themselves: a sample at a time by OpenCV, float32, nothing fused.

They train the networks of the project, on the same images, with the same losses. `benchmarks.speed` checks that the
losses are equal before it takes times.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float
from pytorch_msssim import ssim
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.models import mobilenet_v2

from common.data.classes import IGNORE
from common.models.blocks import NORMS
from common.models.encoder import UNetEncoder
from pretrain.model import Autoencoder
from pretrain.pretexts.task import Task
from pretrain.targets.features import FeatureTarget


class Pictures(Dataset):
    """Photographs, and their masks where wanted, read and flipped one by one."""

    def __init__(self, images: list[Path], size: int, *, masks: bool = False) -> None:
        self.images, self.size, self.masks = images, size, masks

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        path, size = self.images[index], (self.size, self.size)
        picture = cv2.resize(read(path, cv2.IMREAD_COLOR_RGB), size)
        mask = np.zeros(size, np.uint8)
        if self.masks:
            file = path.parent.parent / "masks" / f"{path.stem}.png"
            mask = cv2.resize(read(file, cv2.IMREAD_UNCHANGED), size, interpolation=cv2.INTER_NEAREST)
        if np.random.default_rng().random() < 0.5:
            picture, mask = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
        return torch.from_numpy(picture).permute(2, 0, 1).float() / 255, torch.from_numpy(mask).long()


def read(path: Path, flag: int) -> np.ndarray:
    """A file by OpenCV."""
    picture = cv2.imread(str(path), flag)
    assert picture is not None, path
    return picture


def forever(pictures: Pictures, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches without an end."""
    loader = DataLoader(pictures, batch_size=batch_size, shuffle=True, drop_last=True)
    while True:
        yield from loader


def normalised(layer: nn.Module, x: Float[Tensor, "n c h w"], cells: Float[Tensor, "n 1 h w"]) -> Tensor:
    """A batch normalisation over visible cells, by the formula."""
    assert isinstance(layer, nn.BatchNorm2d)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    count, dims = cells.sum(), (0, 2, 3)
    mean = (x * cells).sum(dims, keepdim=True) / count
    variance = ((x - mean).square() * cells).sum(dims, keepdim=True) / count
    with torch.no_grad():
        layer.running_mean.lerp_(mean.flatten(), 0.1)
        layer.running_var.lerp_(variance.flatten(), 0.1)
    scale, shift = layer.weight.view(1, -1, 1, 1), layer.bias.view(1, -1, 1, 1)
    return ((x - mean) / (variance + layer.eps).sqrt() * scale + shift) * cells


def encoded(encoder: UNetEncoder, image: Tensor, visible: Float[Tensor, "n 1 h w"]) -> list[Tensor]:
    """The maps of an encoder with hidden patches, as in SparK with dense convolutions."""
    x, maps = image * visible, []
    for stage, stride in zip(encoder.stages, encoder.strides, strict=True):
        cells = F.max_pool2d(visible, stride)
        assert isinstance(stage, nn.Sequential)
        for layer in stage:
            x = normalised(layer, x, cells) if isinstance(layer, NORMS) else layer(x)
        maps.append(x)
    return maps


def hog(image: Float[Tensor, "n c h w"], cell: int = 8, bins: int = 9) -> Tensor:
    """Histograms of gradients by one-hot votes, averaged over cells."""
    right = F.pad(image[..., 2:] - image[..., :-2], (1, 1))
    down = F.pad(image[..., 2:, :] - image[..., :-2, :], (0, 0, 1, 1))
    strength, angle = torch.hypot(right, down), torch.atan2(down, right).rad2deg() % 180
    votes = F.one_hot((angle * bins / 180).long().clamp(max=bins - 1), bins).movedim(-1, 2) * strength[:, :, None]
    histogram = F.avg_pool2d(votes.flatten(1, 2), cell).unflatten(1, (-1, bins))
    return (histogram / (histogram.square().sum(2, keepdim=True) + 1e-10).sqrt()).flatten(1, 2)


def masked_loss(model: Autoencoder, task: Task, *, mean: float, variance: float) -> Float[Tensor, ""]:
    """The default recipe: HOG of the hidden patches."""
    assert isinstance(model.encoder, UNetEncoder)
    assert task.visible is not None
    assert task.weight is not None
    outputs = model.decode(encoded(model.encoder, task.seen, task.visible))
    error = (mean + outputs["target"] - hog(task.image)).square().mean(1, keepdim=True) / variance
    shares = F.avg_pool2d(task.weight, 8)
    return (shares * error).sum() / shares.sum()


class Taps(nn.Module):
    """Maps of torchvision's MobileNetV2 as it is, with weights of its own file."""

    mean: Tensor
    std: Tensor

    def __init__(self, weights: Path, taps: Sequence[int]) -> None:
        super().__init__()
        network = mobilenet_v2(weights=None)
        network.load_state_dict(torch.load(weights, weights_only=True))
        self.taps, self.layers = taps, network.features[: taps[-1] + 1].eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(-1, 1, 1))

    def maps(self, image: Float[Tensor, "n 3 h w"]) -> list[Tensor]:
        """The maps, finest first."""
        x, maps = (image - self.mean) / self.std, []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.taps:
                maps.append(x)
        return maps


def autoencoder_loss(model: Autoencoder, image: Tensor, taps: Taps) -> Float[Tensor, ""]:
    """System A: squared error, perceptual distance and SSIM, weighted 1, 0.1 and 0.1."""
    guess = model(image)
    errors = [
        ((ours - theirs).square().mean((1, 2, 3)) / theirs.square().mean((1, 2, 3)).clamp_min(1e-12)).mean()
        for ours, theirs in zip(taps.maps(guess), taps.maps(image), strict=True)
    ]
    likeness = ssim(guess, image, data_range=1.0)
    return F.mse_loss(guess, image) + 0.1 * torch.stack(errors).mean() + 0.1 * (1 - likeness)


def distilled_loss(model: Autoencoder, task: Task, target: FeatureTarget) -> Float[Tensor, ""]:
    """Features as the target, by a teacher as it is."""
    outputs = model.decode(model.encode(task.seen))
    return (target.mean + outputs["target"] - target(task.image)).square().mean() / target.variance


def segmentation_loss(network: nn.Module, image: Tensor, mask: Tensor, *, fast: bool) -> Float[Tensor, ""]:
    """Dice and cross-entropy as segmentation_models_pytorch has them; with `fast` channels-last and bf16."""
    from segmentation_models_pytorch.losses import DiceLoss

    if fast:
        image = image.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast):
        logits = network(image)
    logits = logits.float()
    return DiceLoss("multiclass", ignore_index=IGNORE)(logits, mask) + F.cross_entropy(
        logits, mask, ignore_index=IGNORE
    )
