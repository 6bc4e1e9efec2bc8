"""Figures: whatever a class is called, it is drawn as it is written."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from common.figures import curve_figure, embedding_figure, legend_beside, save_figure

FORMULA = "$x_{$"
"""A name that is no formula, though matplotlib takes it for one."""


UNDERSCORED = "_background_"
"""How labelme calls what is no object."""


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


class Counting(Figure):
    """Counts how often it is drawn."""

    drawn = 0

    def draw(self, renderer):
        self.drawn += 1
        super().draw(renderer)


def test_a_figure_is_drawn_once_and_looks_as_matplotlib_would_save_it(tmp_path):
    figures = [Counting(layout="constrained"), Figure(layout="constrained")]
    for figure in figures:
        axes = figure.subplots()
        axes.plot([0, 1], [1e-9, 1e5], label="thing")
        axes.set_ylabel("a word")
        legend_beside(axes)
    save_figure(figures[0], tmp_path / "ours.png", dpi=110)
    figures[1].savefig(tmp_path / "theirs.png", dpi=110)
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "theirs.png").read_bytes()
    assert figures[0].drawn == 1


@pytest.mark.parametrize("count", [2, 20, 40])
def test_a_legend_stands_beside_its_chart_and_on_the_figure(count):
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for index in range(count):
        axes.plot([0, 1], [index, index], label=f"class {index}")
    legend_beside(axes)
    figure.draw_without_rendering()
    chart, legend = axes.get_window_extent(), axes.get_legend().get_window_extent()
    assert legend.x0 >= chart.x1
    assert legend.x1 <= figure.bbox.x1 + 1
    assert legend.y0 >= 0


def test_curves_of_classes_have_the_colours_of_the_classes():
    drawn = curve_figure(
        [{"epoch": 1, "a": 1.0, "b": 2.0}], {"IoU": {"a": "a", "b": "b"}}, {"a": "ink", "b": "#e69f00"}
    )
    assert [line.get_color() for line in drawn.axes[0].lines] == ["black", "#e69f00"]


def test_curves_have_the_words_of_the_page_and_not_the_names_of_columns():
    drawn = curve_figure([{"epoch": 1, "val/iou_cat": 1.0}], {"IoU of each class": {"val/iou_cat": "cat"}})
    assert drawn.axes[0].get_title() == "IoU of each class"
    assert [line.get_label() for line in drawn.axes[0].lines] == ["cat"]


def test_a_name_that_begins_with_an_underscore_stands_in_the_legend():
    curves = curve_figure([{"epoch": 1, "iou": 1.0}], {"IoU": {"iou": UNDERSCORED}})
    points = embedding_figure({"pca": np.zeros((2, 2))}, [UNDERSCORED, "thing"], "pixels")
    for figure in (curves, points):
        figure.draw_without_rendering()
        labels = [label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]]
        assert UNDERSCORED in map(str.strip, labels)
