"""Small networks of timm with random weights, and files of these."""

import timm
import torch
from safetensors.torch import save_file
from timm.models import register_model


@register_model
def tiny_patch14(pretrained=False, pretrained_cfg=None, pretrained_cfg_overlay=None, cache_dir=None, **settings):
    """A transformer like DINOv2's with registers: patches of 14 pixels, a class token, and four more."""
    return timm.create_model(
        "test_vit", **{"img_size": 70, "patch_size": 14, "reg_tokens": 4, "no_embed_class": True, **settings}
    )


def network(name, **settings):
    """With weights, and statistics of normalisations, that differ from those of a fresh one."""
    torch.manual_seed(7)
    fresh = timm.create_model(name, **settings).eval()
    for part in fresh.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    return fresh


def saved(state, path):
    """Write tensors by their names, as the end of the file's name says."""
    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    else:
        torch.save(state, path)
    return path
