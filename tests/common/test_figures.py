"""Figures: whatever a class is called, it is drawn as it is written."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from common.figures import curve_figure, embedding_figure, save_figure

FORMULA = "$x_{$"
"""A name that is no formula, though matplotlib takes it for one."""


def ticked() -> Figure:
    """Names as the words of an axis, some of which are made while the figure is drawn."""
    figure = Figure()
    above, below = figure.subplots(2)
    above.set_xticks(range(2), [FORMULA, "thing"])
    below.bar([FORMULA, "thing"], [1, 2])
    figure.suptitle(FORMULA)
    return figure


@pytest.mark.parametrize(
    "figure",
    [
        curve_figure([{"epoch": 1, FORMULA: 1.0}], {"IoU": {FORMULA: FORMULA}}),
        embedding_figure({"pca": np.zeros((2, 2))}, [FORMULA, "thing"], FORMULA),
        ticked(),
    ],
    ids=["legend", "labels", "ticks"],
)
def test_a_dollar_sign_in_a_name_begins_no_formula(figure, tmp_path):
    save_figure(figure, tmp_path / "figure.png")
    drawn = [words for words in figure.findobj(Text) if FORMULA in words.get_text()]
    assert drawn
    assert not any(words.get_parse_math() for words in drawn)
