"""Tables in files: what a name is, a spreadsheet does not run, and numbers stay numbers."""

import csv

import pytest

from common.rows import csv_table, markdown_table, write_csv


@pytest.mark.parametrize("name", ['=HYPERLINK("x")', "+1+1", "-x", "@SUM(1)", "\t=1", "\r=1", "\uff1d1"])
def test_a_name_that_begins_like_a_formula_is_text(name, tmp_path):
    with csv_table(tmp_path / "table.csv", [name, "share"]) as add:
        add([name, -0.5])
        add(["-0.25", "a=1"])
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        assert [*csv.reader(file)] == [[f"'{name}", "share"], [f"'{name}", "-0.5"], ["-0.25", "a=1"]]


def test_a_name_that_is_not_utf_8_keeps_its_bytes(tmp_path):
    write_csv(tmp_path / "table.csv", [{"image": "caf\udce9"}, {"image": "b", "more": 1}])
    assert (tmp_path / "table.csv").read_bytes() == b"image,more\r\ncaf\xe9,\r\nb,1\r\n"


def test_a_name_stays_in_its_cell():
    assert markdown_table(["run"], [["a|b\n| c |"]])[-1] == r"| a\|b\n\| c \| |"
