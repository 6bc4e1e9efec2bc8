"""Outlines along the edges of pixels."""

from itertools import pairwise

import numpy as np
import pytest
from skimage.draw import polygon2mask
from skimage.measure import label

from transfer.predict.formats.outline import area_of, polygons_of


def drawn(polygons, size) -> np.ndarray:
    """The pixels whose centres lie in polygons, by scikit-image, and in how many each lies."""
    times = np.zeros(size, int)
    for outer, *holes in polygons:
        inside = [polygon2mask(size, [(y - 0.5, x - 0.5) for x, y in ring]) for ring in (outer, *holes)]
        assert all(inside[0][hole].all() for hole in inside[1:])
        times += inside[0].astype(int) - sum(hole.astype(int) for hole in inside[1:])
    return times


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("density", [0.2, 0.5, 0.7, 0.95])
def test_polygons_are_the_shape(seed, density):
    shape = np.random.default_rng(seed).random((9, 13)) < density
    polygons = polygons_of(shape)
    assert len(polygons) == label(shape, connectivity=1).max()
    assert np.array_equal(drawn(polygons, shape.shape), shape.astype(int))
    assert sum(area_of(ring) for rings in polygons for ring in rings) == shape.sum()
    for outer, *holes in polygons:
        assert area_of(outer) > 0
        assert all(area_of(hole) < 0 for hole in holes)
        for ring in (outer, *holes):
            assert len(set(ring)) == len(ring) >= 4  # it does not touch itself
            sides = list(pairwise([*ring, ring[0], ring[1]]))
            assert all((a[0] == b[0]) != (a[1] == b[1]) for a, b in sides)
            assert all((a[0] == b[0]) != (c[0] == d[0]) for (a, b), (c, d) in pairwise(sides))  # no vertex is idle


def test_a_frame_that_closes_at_a_corner_has_a_hole_and_one_that_does_not_touch_has_none():
    closed = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
    [[outer, hole]] = polygons_of(closed)
    assert (area_of(outer), area_of(hole)) == (8, -1)
    assert polygons_of(np.ones((2, 3), bool)) == [[[(0, 0), (3, 0), (3, 2), (0, 2)]]]
    assert polygons_of(np.zeros((2, 3), bool)) == []
