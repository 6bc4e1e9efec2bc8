"""The colours of errors and the outlines of classes."""

import pytest
import torch

from common.colours import PALETTE, UNLABELLED
from tests.common.test_colours import SIGHT, apart
from transfer.colours import CONFUSED, INVENTED, MISSED, RIGHT, inside_of

ERRORS = (MISSED, INVENTED, CONFUSED)


@pytest.mark.parametrize("error", ERRORS)
def test_no_error_has_the_colour_of_a_class(error):
    assert min(apart([error, colour], "normal") for colour in PALETTE) > 15


@pytest.mark.parametrize("sight", SIGHT)
def test_errors_are_told_apart_by_every_kind_of_sight(sight):
    assert apart([*ERRORS, RIGHT, UNLABELLED], sight) > 9


@pytest.mark.parametrize(("background", "drawn"), [(0, 8 + 1), (None, 8 + 1 + 12 + 2)])
def test_an_outline_is_of_the_pixels_that_touch_another_class(background, drawn):
    mask = torch.zeros(1, 6, 6, dtype=torch.int64)
    mask[0, 1:4, 1:4] = 2
    mask[0, 5, 5] = 2
    clear = inside_of(mask, background)
    assert clear[0, 2, 2]
    assert not clear[0, 1, 1]
    assert (~clear).sum() == drawn


def test_a_mask_of_one_class_has_no_outline():
    assert inside_of(torch.ones(1, 4, 5, dtype=torch.int64), 0).all()
    assert inside_of(torch.ones(1, 4, 5, dtype=torch.int64), None).all()
