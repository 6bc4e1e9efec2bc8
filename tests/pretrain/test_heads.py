"""The heads beside those of the decoder."""

import torch
from torch.nn import functional as F

from common.data.classes import IGNORE
from pretrain.heads import LENGTH, Projection


def projection():
    torch.manual_seed(0)
    return Projection((4, 6, 8)).double().eval()


def maps(count=2):
    generator = torch.Generator().manual_seed(2)
    sizes = ((4, 16), (6, 8), (8, 4))
    return [torch.randn(count, c, side, side, dtype=torch.float64, generator=generator) for c, side in sizes]


def test_a_vector_describes_the_foreground():
    head, features = projection(), maps()
    foreground = torch.zeros(2, 32, 32, dtype=torch.int64)
    foreground[:, 8:24, 8:16] = 1  # whole cells of both maps
    foreground[:, :, 24:] = IGNORE
    inside = [features[1][:, :, 2:6, 2:4], features[2][:, :, 1:3, 1:2]]
    pooled = torch.cat([cells.mean((2, 3)) for cells in inside], dim=1)
    vectors = head.describe(features, foreground)
    torch.testing.assert_close(vectors, F.normalize(head.layers(pooled), dim=1), atol=1e-2, rtol=0)
    changed = [level.clone() for level in features]
    changed[1][:, :, 0] += 1
    torch.testing.assert_close(head.describe(changed, foreground), vectors, atol=1e-2, rtol=0)
    assert (head.describe(changed) - head.describe(features)).abs().max() > 0.02


def test_without_foreground_all_cells_have_equal_weight():
    head, features = projection(), maps()
    nothing = torch.zeros(2, 32, 32, dtype=torch.int64)
    torch.testing.assert_close(head.describe(features, nothing), head.describe(features))
    assert head.describe(features).shape == (2, LENGTH)
    torch.testing.assert_close(head.describe(features).norm(dim=1), torch.ones(2, dtype=torch.float64))
