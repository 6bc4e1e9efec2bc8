"""Images of more than 8 bits."""

import numpy as np
import pytest

from common.data.deep import range_of, scaled


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_an_image_in_strips_has_the_range_and_the_values_of_the_whole(kind, monkeypatch):
    image = np.random.default_rng(0).integers(0, 60_000, (37, 50, 3)).astype(kind)[..., ::-1]
    whole = scaled(image, (700, 41_000.5))
    monkeypatch.setattr("common.strips.STRIP", 300)
    assert np.array_equal(scaled(image, (700, 41_000.5)), whole)
    assert whole.flags.c_contiguous
    expected = np.clip((image.astype(np.float64) - 700) / 40_300.5, 0, 1) * 255
    assert np.abs(whole - expected).max() < 0.51
    assert range_of(image) == pytest.approx(np.percentile(image, (0.1, 99.9)))
