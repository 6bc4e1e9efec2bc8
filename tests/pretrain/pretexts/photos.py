"""Photographs that the tests of pretexts corrupt."""

import numpy as np
import torch
from datasets import photo


def photos(count: int = 4, height: int = 64, width: int = 64) -> torch.Tensor:
    pictures = np.stack([photo(seed, height=height, width=width) for seed in range(count)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
