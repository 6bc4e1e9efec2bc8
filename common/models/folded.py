"""Networks that no longer learn, made faster."""

from copy import deepcopy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from common.models.layout import channels_last

Network = TypeVar("Network", bound=nn.Module)


def fold(network: Network) -> Network:
    """Put the network into evaluation mode, and each BatchNorm into the convolution before it; rounded to float32.

    Only neighbours in an nn.Sequential are folded. Outputs differ by rounding; weights have other values and names.
    """
    device = next(network.parameters()).device
    network.eval().cpu().double()  # Apple's GPUs know no float64
    for part in [part for part in network.modules() if isinstance(part, nn.Sequential)]:
        for index, (layer, after) in enumerate(pairwise(part)):
            if isinstance(layer, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                part[index], part[index + 1] = fuse_conv_bn_eval(layer, after), nn.Identity()
    return network.float().to(device)


def folded(network: Network) -> Network:
    """A faster copy that no longer learns, see `fold`, with its maps channels-last; outputs differ by rounding."""
    copy = fold(deepcopy(network))
    channels_last(copy)
    return copy
