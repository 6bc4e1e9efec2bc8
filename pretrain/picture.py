"""What an encoder's maps hold, as a picture: by a small decoder beside the task that never moves the encoder."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from common.engine.precision import Precision, lowered
from common.engine.schedule import cosine
from common.models.blocks import LEAKY_SLOPE, initialise
from common.models.encoder import Encoder
from common.models.inspect import eval_mode
from common.say import note
from pretrain.losses.picture import ABSENT, PictureLoss
from pretrain.losses.reconstruction import ReconstructionLoss

WIDTH = 16
"""Channels of its maps."""
SHARE = 8
"""It learns from one of so many images of a batch."""
OFTEN, SELDOM = 500, 4
"""It learns at each of so many batches, and later at one of so many: a long training spends little on pictures."""
RATE = 3e-3
"""The rate of its first update."""


class PictureDecoder(nn.Module):
    """Rebuilds images from all maps of an encoder but the finest.

    Normalisations take brightness and contrast out of the maps, so it is given the mean and the deviation of each
    channel of an image. With fresh weights it paints each image's mean colour, the chance level of its scores. No
    gradient reaches the maps, and neither its weights nor its use move the random numbers of others.

    Source: Lin et al. 2017, Feature Pyramid Networks, arXiv 1612.03144, section 3 (1x1 convolutions, added from coarse
    to fine).
    Deviation: a 3x3 convolution and an activation at every level on the way; the head paints a patch for each cell.
    """

    def __init__(self, encoder: Encoder, *, width: int = WIDTH, channels: int = 3) -> None:
        super().__init__()
        self.width, self.finest = width, min(1, len(encoder.channels) - 1)
        stride, widths = encoder.strides[self.finest], encoder.channels[self.finest :]
        with torch.random.fork_rng(devices=[]):
            self.laterals = nn.ModuleList(nn.Conv2d(count, width, 1) for count in widths)
            self.mixes = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in widths)
            self.patch = nn.Conv2d(width, channels * stride**2, 3, padding=1)
            self.arrange = nn.PixelShuffle(stride)
            initialise(self)
        nn.init.zeros_(self.patch.weight)

    def forward(
        self, features: Sequence[Float[Tensor, "n _ _ _"]], image: Float[Tensor, "n c h w"]
    ) -> Float[Tensor, "n c h w"]:
        """The reconstructions, unbounded, from maps finest first and from mean and deviation of the images."""
        x: Tensor | None = None
        layers = zip(self.laterals, self.mixes, features[self.finest :], strict=True)
        for lateral, mix, maps in reversed(list(layers)):
            own = lateral(maps.detach())
            x = F.leaky_relu(mix(own if x is None else own + F.interpolate(x, size=own.shape[-2:])), LEAKY_SLOPE)
        deviation, mean = torch.std_mean(image, dim=(2, 3), correction=0, keepdim=True)
        assert x is not None
        return mean + deviation * self.arrange(self.patch(x))


class PictureLearner:
    """Teaches a `PictureDecoder` on whole images, beside a task that hides parts of them.

    It has its own optimizer and its own clipping. The encoder only looks, in evaluation mode: its weights, its
    statistics and the random numbers are as if there were no picture. An update that is not finite is left out.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: PictureDecoder,
        loss: ReconstructionLoss,
        *,
        precision: Precision,
        progress: Callable[[int], float],
    ) -> None:
        """`progress`: how far the training is, from 0 to 1, at the batch of that number."""
        self.encoder, self.decoder, self.loss, self.progress = encoder, decoder, loss, progress
        self.precision = precision
        self.optimizer = torch.optim.Adam(decoder.parameters(), lr=RATE, fused=True)
        self.update = 0

    def learn(self, image: Float[Tensor, "n c h w"], weight: Float[Tensor, "n 1 h w"] | None = None) -> None:
        """One update on the first of the images, which are in [0, 1] and in random order; later on one at few batches.

        With `weight` the pixels of weight 0 do not count.
        """
        now, self.update = self.update, self.update + 1
        if now >= OFTEN and now % SELDOM:
            return
        first = math.ceil(len(image) / SHARE)
        image, weight = image[:first], None if weight is None else weight[:first]
        with self.precision.autocast(), lowered(self.loss, self.precision.form):
            with eval_mode(self.encoder):
                features = self.encoder(image)
            loss = self.loss(self.decoder(features, image), image, weight)["loss"]
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = cosine(self.progress(now), base=RATE)
        if norm.isfinite():
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def restart(self) -> None:
        """Begin at the first update with the weights as they are."""
        self.update = 0
        self.optimizer.state.clear()

    def state_dict(self) -> dict[str, Any]:
        """All that its next update depends on, except the weights, which are the network's."""
        own = {"update": self.update, "optimizer": self.optimizer.state_dict()}
        return {**own, "perceptual": self.loss.perceptual is not None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned; the loss keeps its terms where there is what they need."""
        began_with_it = state.get("perceptual", self.loss.perceptual is not None)
        if not began_with_it:
            self.loss = PictureLoss()
        elif self.loss.perceptual is None:
            note(f"the pictures beside the task go on without their perceptual term: {ABSENT}")
        self.update = state["update"]
        self.optimizer.load_state_dict(state["optimizer"])
