"""The colours of classes: all different, and told apart by the colour-blind."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from common.colours import PALETTE, UNLABELLED, colour_of, colours, line_colour

SIGHT = {  # Machado, Oliveira & Fernandes 2009, doi 10.1109/TVCG.2009.113, table 1, severity 1.0: for linear RGB
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def apart(rgb, sight) -> float:
    """The smallest CIEDE2000 difference of two of the colours, as they are seen."""
    share = np.asarray(rgb) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.asarray(SIGHT[sight]).T, 0, 1)
    encoded = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(encoded[None])[0]
    pairs = deltaE_ciede2000(lab[:, None], lab[None])
    return pairs[~np.eye(len(pairs), dtype=bool)].min()


@pytest.mark.parametrize("sight", SIGHT)
def test_the_colours_of_classes_are_told_apart_by_every_kind_of_sight(sight):
    assert apart(PALETTE[:20], sight) > 10
    assert apart(PALETTE, sight) > 8.5
    assert apart([*PALETTE, UNLABELLED, (255, 255, 255)], sight) > 8


@pytest.mark.parametrize("count", [1, 8, 24, 25, 255])
def test_no_colour_stands_twice_and_more_classes_change_none(count):
    found = colours(count)
    assert len(np.unique(found, axis=0)) == count
    np.testing.assert_array_equal(found, colours(255)[:count])
    assert list(UNLABELLED) not in found.tolist()


def test_generated_colours_can_still_be_told_apart():
    assert apart(colours(64), "normal") > 4


def test_lines_are_never_black():
    assert (line_colour(0) == colour_of(1)).all()
    assert all(line_colour(index).any() for index in range(300))
