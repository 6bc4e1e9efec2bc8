"""The images of a comparison."""

import math

import numpy as np

from transfer.compare.gallery import spread_of_images


def test_an_image_without_a_score_lies_nowhere_apart_and_warns_of_nothing():
    scores = np.array([[math.nan, 0.5, math.nan], [math.nan, 0.75, 0.5]])
    assert spread_of_images(scores).tolist() == [0, 0.25, 0]
