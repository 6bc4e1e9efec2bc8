"""Which fit follows from the sizes of images and of their objects."""

import pytest

from common.data.fit import fit_for


@pytest.mark.parametrize(
    ("longer_side", "object_side", "fit"),
    [
        (500, 200, "squash"),  # a pet
        (1000, 20, "crop"),  # a nucleus
        (1000, 63, "squash"),  # of which 8.06 pixels are left
        (128, 4, "squash"),  # nothing shrinks
        (100, 4, "squash"),
        (20_000, 1000, "squash"),  # a crop would show a part of the object
        (20_000, 100, "crop"),
        (4000, None, "crop"),
        (600, None, "squash"),
    ],
)
def test_crops_are_for_objects_that_would_vanish(longer_side, object_side, fit):
    assert fit_for(longer_side, object_side, image_size=128) == fit
