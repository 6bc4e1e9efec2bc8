"""Windows over images of any size: what they cover, how they are blended, and how little they hold."""

import gc

import numpy as np
import pytest
import torch
from torch import nn

from common.errors import UserError
from common.tiles import Tiling, blended


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def convolutions(classes: int = 3) -> nn.Module:
    """A network that sees 4 pixels around each, halves the sides in between, and fills its borders with zeros."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 2, stride=2), nn.Upsample(scale_factor=2)]
    return nn.Sequential(*layers, nn.Conv2d(8, classes, 3, padding=1)).eval()


def in_one_piece(network: nn.Module, image: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)[0].numpy()


def collected(network, image: np.ndarray, tiling: Tiling, **how) -> np.ndarray:
    """The logits of all blocks, each pixel from exactly one of them."""
    blocks, times = list(blended(network, image, tiling, **how)), np.zeros(image.shape[:2], int)
    found = np.zeros((len(blocks[0].logits), *image.shape[:2]), np.float32)
    for rows, columns, logits in blocks:
        found[:, rows, columns] = logits.numpy()
        times[rows, columns] += 1
    assert (times == 1).all()
    return found


def alone(tiling: Tiling, length: int) -> np.ndarray:
    """The pixels of a side that a single window covers."""
    times, side = np.zeros(length, int), tiling.along(length)
    for start in side.starts:
        times[start : start + side.size] += 1
    return times == 1


@pytest.mark.parametrize("length", [1, 5, 31, 32, 33, 64, 65, 100, 1000])
@pytest.mark.parametrize(("tile", "overlap"), [(32, 0), (32, 8), (32, 31), (48, 20), (64, 16)])
def test_windows_cover_a_side_with_shares_that_are_one_together(length, tile, overlap):
    side = Tiling(stride=4, least=8, tile=tile, overlap=overlap).along(length)
    assert all(start % 4 == 0 for start in (*side.starts, side.size))
    assert sorted(set(side.starts)) == list(side.starts)
    assert length <= side.whole < max(length + 4, 9)
    assert all(np.diff(side.starts) <= side.size - min(overlap, tile - 4))
    assert side.size <= tile
    total = np.zeros(side.whole)
    for start, share in zip(side.starts, side.weights, strict=True):
        assert (share > 0).all()
        total[start : start + side.size] += share
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(100, 171), (64, 64), (20, 300), (7, 9), (1, 1), (130, 40)])
@pytest.mark.parametrize("overlap", [8, 20, 40])
def test_tiles_are_one_piece_where_one_window_covers_a_pixel_and_close_to_it_elsewhere(height, width, overlap):
    network, image = convolutions(), picture(height, width)
    tiling = Tiling(stride=2, least=4, tile=48, overlap=overlap)
    whole = Tiling(stride=2, least=4, tile=512)
    tiles, one = collected(network, image, tiling), collected(network, image, whole)
    inside = np.outer(alone(tiling, height), alone(tiling, width))
    assert np.allclose(tiles[:, inside], one[:, inside], atol=1e-6)
    assert np.abs(tiles - one).max() < 0.25 * np.abs(one).max()
    even = image[: height // 2 * 2, : width // 2 * 2]
    if min(even.shape[:2]) >= 4:
        assert np.allclose(collected(network, even, whole), in_one_piece(network, even), atol=1e-6)


def test_what_is_near_the_edge_of_a_window_weighs_little():
    """A network that is wrong within 4 pixels of the borders of what it sees."""

    def network(image):
        wrong = torch.ones_like(image[:, :1])
        wrong[..., 4:-4, 4:-4] = 0
        return wrong

    error = collected(network, picture(200, 200), Tiling(tile=64, overlap=32))[0]
    assert error[4:-4, 4:-4].max() < 0.1
    assert (error[alone(Tiling(tile=64, overlap=32), 200)][:, 40] <= 1e-6).sum() > 0


def test_a_memory_map_gives_the_same_bits_and_another_batch_size_the_same_logits(tmp_path):
    image, tiling = picture(90, 150), Tiling(stride=2, tile=32, overlap=8)
    file = np.memmap(tmp_path / "image", np.uint8, "w+", shape=image.shape)
    file[:] = image
    logits = collected(convolutions(), image, tiling)
    assert np.array_equal(logits, collected(convolutions(), file, tiling))
    assert np.allclose(logits, collected(convolutions(), image, tiling, batch_size=7), atol=1e-6)


def held() -> int:
    """Bytes of all tensors that there are."""
    storages = {}
    for thing in gc.get_objects():
        if type(thing) is torch.Tensor and torch._C._has_storage(thing):
            storages[thing.data_ptr()] = max(storages.get(thing.data_ptr(), 0), thing.untyped_storage().nbytes())
    return sum(storages.values())


def test_tensors_do_not_grow_with_the_height_of_an_image():
    """Images of which no bytes are held, and a network of 5 classes."""
    most = []
    for height in (700, 4000):
        image = np.broadcast_to(np.uint8(7), (height, 1000, 3))
        blocks = blended(lambda x: x[:, [0] * 5], image, Tiling(stride=16, tile=256, overlap=32), batch_size=2)
        most.append(max(held() for _ in blocks))
    windows, shared = 3 * 2 * 5 * 256 * 256 * 4, 5 * 256 * 1024 * 4
    assert most[1] <= 1.2 * most[0]
    assert most[1] < held() + windows + shared


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"tile": 100},
            "--tile 100: this network takes sides that are multiples of 32 and at least 64; take 96 or 128",
        ),
        ({"tile": 32}, "--tile 32: this network takes sides that are multiples of 32 and at least 64; take 64"),
        ({"tile": 0}, "--tile 0: this network takes sides that are multiples of 32 and at least 64; take 64"),
        ({"tile": 64, "overlap": 64}, "--overlap 64: windows of 64 pixels share 0 to 63"),
        ({"tile": 64, "overlap": -1}, "--overlap -1: windows of 64 pixels share 0 to 63"),
    ],
)
def test_windows_that_do_not_fit_the_network_are_refused(how, said):
    with pytest.raises(UserError, match=said):
        Tiling(stride=32, least=64, **how)
