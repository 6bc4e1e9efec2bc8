"""What the masks say of the photographs beside them."""

import numpy as np
import pytest

from transfer.pool.photographs import of_one_thing


@pytest.mark.parametrize(
    ("pixels", "alone"),
    [
        ([[9, 7, 0], [9, 0, 7]], True),
        ([[9, 7, 0], [16, 0, 0], [9, 0, 7]], True),
        ([[9, 4, 3], [9, 0, 7]], False),
        ([[9, 7, 0], [9, 7, 0]], False),  # dogs are known by name alone
        ([[9, 7], [9, 7]], False),
    ],
)
def test_images_show_one_thing_each_where_two_classes_occur_and_never_together(pixels, alone):
    assert of_one_thing(np.array(pixels), 0) is alone
    assert not of_one_thing(np.array(pixels), None)
