"""From settings to the objects of phase 1: network, loss, optimizer, rates."""

from collections.abc import Callable

import torch

from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.models.weights import imagenet_state
from common.schedule import cosine, warmup
from pretrain.config import LossConfig, PretrainConfig
from pretrain.losses import ReconstructionLoss
from pretrain.model import Autoencoder
from pretrain.perceptual import PerceptualLoss


def build_model(config: PretrainConfig) -> Autoencoder:
    """System A's autoencoder, or what the settings make of it. Raises UserError for a size that does not fit."""
    model = config.model
    encoder = UNetEncoder(widths=model.widths, norm=model.norm, dropout=model.dropout)
    encoder.check_size(config.data.image_size, config.data.image_size)
    decoder = UNetDecoder(encoder.channels, encoder.strides, norm=model.norm, dropout=model.decoder_dropout)
    return Autoencoder(encoder, decoder)


def build_loss(config: LossConfig) -> ReconstructionLoss:
    """The weighted sum of the terms. Raises UserError when ImageNet weights are wanted and can't be had."""
    perceptual = None
    if config.perceptual_weight > 0:
        state = imagenet_state(config.perceptual_net, config.perceptual_weights_path)
        perceptual = PerceptualLoss(config.perceptual_net, state)
    return ReconstructionLoss(
        config.mse_weight, config.perceptual_weight, ssim_weight=config.ssim_weight, perceptual=perceptual
    )


def build_optimizer(model: Autoencoder, config: PretrainConfig) -> torch.optim.Optimizer:
    """Adam, with L2 decay on all weights as in system A."""
    return torch.optim.Adam(model.parameters(), lr=config.training.lr, weight_decay=config.training.weight_decay)


def rates(config: PretrainConfig, updates_per_epoch: int) -> Callable[[int], float]:
    """The learning rate at each update: warm-up, then a cosine down to `min_lr`."""
    total = config.training.epochs * updates_per_epoch
    rising = round(config.anneal.warmup_epochs * updates_per_epoch)

    def lr_at(update: int) -> float:
        falling = cosine(update, total=total, base=config.training.lr, final=config.anneal.min_lr)
        return falling * warmup(update, updates=rising)

    return lr_at
