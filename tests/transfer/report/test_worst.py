"""The list of the worst images."""

import csv

import numpy as np

from transfer.metrics.scores import Scores
from transfer.report import worst
from transfer.report.worst import worst_images, worst_listing, write_worst

NAMES = ("sky", "road", "car")
COUNTS = np.array(
    [
        [[8, 0, 0], [0, 8, 0], [0, 0, 4]],
        [[8, 1, 0], [0, 2, 0], [5, 0, 4]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[8, 2, 0], [0, 6, 0], [0, 0, 4]],
    ]
)
KEYS = ("right", "=worst", "unlabelled", "middling")


def test_the_worst_image_comes_first_with_what_was_taken_for_what():
    rows = worst_images(KEYS, Scores(COUNTS, NAMES))
    assert [row["image"] for row in rows] == ["=worst", "middling", "right", "unlabelled"]
    assert (rows[0]["true"], rows[0]["predicted"], rows[0]["share"]) == ("car", "sky", 0.25)
    assert rows[0]["pixel_accuracy"] == 0.7
    assert rows[0]["mean_iou"] == round((8 / 14 + 2 / 3 + 4 / 9) / 3, 4)
    assert (rows[1]["true"], rows[1]["predicted"], rows[1]["share"]) == ("sky", "road", 0.1)
    assert rows[2]["mean_iou"] == 1
    assert rows[2]["true"] is None
    assert rows[3]["mean_iou"] is None


def test_the_list_of_a_page_is_the_file_beside_it(tmp_path):
    scores = Scores(COUNTS, NAMES)
    write_worst(tmp_path, KEYS, scores)
    with (tmp_path / "worst.csv").open(newline="", encoding="utf-8") as file:
        assert file.read() == worst_listing(KEYS, scores).text
    rows = [*csv.DictReader(worst_listing(KEYS, scores).text.splitlines())]
    assert rows[0]["image"] == "'=worst", "a spreadsheet runs no name"
    assert rows[3]["mean_iou"] == ""


def test_a_page_lists_no_more_than_some_and_says_so(monkeypatch):
    monkeypatch.setattr(worst, "LISTED", 2)
    listing = worst_listing(KEYS, Scores(COUNTS, NAMES))
    assert len(listing.text.splitlines()) == 3
    assert listing.words.endswith("(the first 2 of 4)")
