"""What is said of a training from its rows."""

import numpy as np

from transfer.metrics.scores import Scores
from transfer.scoring import newly_silent, print_table

NAMES = ("background", "cat", "dog")


def rows(**predicted: str) -> list[dict[str, float]]:
    """Rows of epochs; "x" where a class was predicted, "." where it was not, "-" where no mask shows it either."""
    return [
        {f"val/predicted_{name}": float(kinds[epoch] == "x") for name, kinds in predicted.items()}
        | {f"val/iou_{name}": float("nan") if kinds[epoch] == "-" else 0.0 for name, kinds in predicted.items()}
        for epoch in range(len(predicted["cat"]))
    ]


def test_an_alarm_is_said_once_for_each_class_however_often_a_run_goes_on():
    history = rows(background="xxxxxxxxxx", cat="...x......", dog="xx........")
    said = [newly_silent(history[:epoch], NAMES) for epoch in range(len(history) + 1)]
    assert [(epoch, names) for epoch, names in enumerate(said) if names] == [(3, ["cat"]), (5, ["dog"])]


def test_a_class_that_no_mask_shows_and_one_that_comes_and_goes_are_no_alarm():
    history = rows(background="xxxxxxxx", cat="--------", dog="..x..x..")
    assert not any(newly_silent(history[:epoch], NAMES) for epoch in range(9))


def test_columns_stand_under_their_heads_whatever_the_names(capsys):
    names = ("background", "a class with a rather long name")
    print_table(Scores(np.array([[[3, 1], [0, 4]]]), names, 0), "test original size")
    head, *rows = [line for line in capsys.readouterr().out.splitlines() if line][:3]
    assert {row.index("0.", len(name) + 2) for row, name in zip(rows, names, strict=True)} == {head.index("IoU")}
