"""What stands first on a page: the answer, how the training ended, what to do next, and pictures before tables."""

import pytest

pytestmark = pytest.mark.browser
NEXT = {"ae": "transfer.main", "seg": "transfer.evaluate", "both": "transfer.predict", "study": "transfer.study"}


@pytest.mark.parametrize("run", NEXT)
def test_the_next_command_stands_at_the_head(run, browser, runs):
    browser.visit(runs / run / "report.html")
    words = [one.text for one in browser.all("header .next")]
    assert words
    assert all(one.startswith("next: python -m ") for one in words)
    assert NEXT[run] in words[0]


@pytest.mark.parametrize("run", ["ae", "seg"])
def test_the_head_says_how_the_training_ended(run, browser, runs):
    browser.visit(runs / run / "report.html")
    assert "of 4 epochs is the best" in (said := browser.one(".verdict").text) or "Trained 4 epochs" in said
    assert ("mean colours alone" if run == "ae" else "for every pixel has mean IoU") in said


@pytest.mark.parametrize("run", ["ae", "seg", "both"])
def test_pictures_come_before_tables(run, browser, runs):
    browser.visit(runs / run / "report.html", width=390)
    first = browser.show(browser.one("section"))
    browser.until("return arguments[0].querySelector('img')", first)
    assert first.find_elements("css selector", ".card, table.sheet")
    place = "return arguments[0].getBoundingClientRect().top + scrollY"
    picture, table = browser.one("section img"), browser.one("main table:not(.sheet)")
    assert browser.execute_script(place, picture) < browser.execute_script(place, table)
