"""What stands first on a page: the answer, how the training ended, what to do next, and pictures before tables."""

import pytest
from selenium.webdriver.support.select import Select

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


def test_a_class_has_one_colour_in_pictures_and_curves_and_no_error_has_it(browser, runs):
    browser.visit(runs / "seg/report.html")
    menu = Select(browser.show(browser.one(".controls select")))

    def swatches():
        named = browser.all(".kind-gallery .keys .swatch")
        return {
            one.text: one.find_element("css selector", "i").value_of_css_property("background-color") for one in named
        }

    menu.select_by_visible_text("truth")
    classes = swatches()
    assert {"cat", "dog"} <= classes.keys()
    menu.select_by_visible_text("errors")
    errors = swatches()
    assert {"missed", "invented", "wrong class"} <= errors.keys()
    assert not set(classes.values()) - {classes["not labelled"]} & set(errors.values())
    chart = browser.show(browser.one("[aria-label^='IoU of each class']"))
    legend = chart.find_elements("xpath", "../../div[@class='legend']/button")
    lines = {one.text: one.find_element("css selector", "path:not(.edge)") for one in legend}
    for name in ("cat", "dog"):
        assert same_colour(lines[name].value_of_css_property("stroke"), classes[name])


def same_colour(one, other):
    return [word.strip(" )") for word in one.partition("(")[2].split(",")][:3] == [
        word.strip(" )") for word in other.partition("(")[2].split(",")
    ][:3]
