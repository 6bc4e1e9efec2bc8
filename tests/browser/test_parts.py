"""Parts of a page that a test fills by hand: colours that fade on a card, and pictures that are sought by name."""

from itertools import pairwise

import numpy as np
import pytest
from selenium.webdriver import Keys

from common.colours import colour_of, css
from common.report.blocks import Axis, Chart, Series, code, text
from common.report.gallery import Gallery, Item, Layer, Order
from common.report.images import photograph
from common.report.page import Page

pytestmark = pytest.mark.browser
CLASSES = 11
DARK, PALE = "#772200", "#f0e442"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A page with a line in the colour of each of many classes, and a gallery of three pictures."""
    colours = ["ink", *(css(colour_of(k)) for k in range(1, CLASSES))]
    lines = [Series(f"class {k}", [1, 2, 3], [k, k + 1, k], colour=colour) for k, colour in enumerate(colours)]
    points = [Series(f"class {k}", [0.001, 0.1, 1], [k, k, k], colour=c, points=True) for k, c in enumerate(colours)]
    picture = photograph(np.full((64, 64, 3), 90, dtype=np.uint8))
    items = [
        Item(id=name, name=name, badge=f"IoU 0.{i}", layers={"image": picture}, sort={"score": i}, kinds=[], figures=[])
        for i, name in enumerate(["Street_01", "street_02", "park_01"])
    ]
    gallery = Gallery(
        items=items, layers=[Layer(key="truth", name="truth")], orders=[Order("worst", "score")], start=""
    )
    page = Page("many classes", "a phase", "It works.")
    page.add("Pictures", lambda: [gallery.block("")])
    page.add("Curves", lambda: [Chart(Axis("epoch"), Axis("IoU"), lines).block("Lines")])
    page.add("Sizes", lambda: [Chart(Axis("share", log=True), Axis("IoU"), points).block("Points")])
    path = tmp_path_factory.mktemp("made") / "report.html"
    page.write(path)
    return path


@pytest.mark.parametrize(("scheme", "edged"), [("light", PALE), ("dark", DARK)])
def test_colours_that_fade_on_a_card_have_an_edge(scheme, edged, browser, made):
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.visit(made)
    for title in ("Lines", "Points"):
        chart = browser.show(browser.one(f"[aria-label^='{title}']"))
        seen = {
            one.find_element("xpath", "following-sibling::*[1]").get_attribute("stroke")
            for one in chart.find_elements("css selector", "g[clip-path] path.edge")
            if float(one.value_of_css_property("opacity")) == 1
        }
        assert edged in seen
        assert not {DARK, PALE} - {edged} & seen


def test_labels_of_an_axis_do_not_touch_on_a_narrow_screen(browser, made):
    browser.visit(made, width=390)
    chart = browser.show(browser.one("[aria-label^='Points']"))
    labels = chart.find_elements("css selector", "text[text-anchor=middle]:not(.label)")
    ends = sorted((one.rect["x"], one.rect["x"] + one.rect["width"]) for one in labels)
    assert len(ends) > 2
    assert all(right + 2 < left for (_, right), (left, _) in pairwise(ends))


def test_epochs_are_whole_numbers_on_a_narrow_screen(browser, tmp_path):
    page, epochs = Page("a run", "a phase", "It works."), list(range(1, 11))
    chart = Chart(Axis("epoch", whole=True), Axis("loss"), [Series("train", epochs, epochs)])
    page.add("Curves", lambda: [chart.block("Loss")])
    page.write(tmp_path / "report.html")
    browser.visit(tmp_path / "report.html", width=390)
    frame = browser.show(browser.one(".chart-frame"))
    labels = frame.find_elements("css selector", "text[text-anchor=middle]:not(.label)")
    assert len(labels) > 1
    assert all(one.text.isdecimal() for one in labels)


@pytest.mark.parametrize("best", [1, 10])
def test_the_word_at_the_best_epoch_touches_neither_the_curve_nor_the_name_of_the_axis(best, browser, tmp_path):
    page, epochs = Page("a run", "a phase", "It works."), list(range(1, 11))
    line = Series("train", epochs, epochs if best == 10 else epochs[::-1])
    chart = Chart(
        Axis("epoch", whole=True), Axis("predicted share of each class"), [line], [{"x": best, "label": "best"}]
    )
    page.add("Curves", lambda: [chart.block("Share")])
    page.write(tmp_path / "report.html")
    browser.visit(tmp_path / "report.html", width=390)
    frame = browser.show(browser.one(".chart-frame"))
    word, axis = frame.find_element("css selector", "text.mark"), frame.find_elements("css selector", "text.label")
    curves = frame.find_elements("css selector", "g[clip-path] *")
    assert word.text == "best"
    assert axis[-1].text == "predicted share of each class"
    assert word.rect["y"] + word.rect["height"] <= min(one.rect["y"] for one in curves)
    assert word.rect["y"] + 2 >= axis[-1].rect["y"] + axis[-1].rect["height"]


@pytest.mark.parametrize("width", range(380, 480, 10))
def test_no_line_ends_within_a_flag(width, browser, tmp_path):
    command = "python -m transfer.main --data_dir my/images --pretrained_encoder runs/ae --output_dir runs/seg"
    page = Page("a run", "a phase", f"It works (by {command}).", next=[command])
    page.add("Command", lambda: [code("Command", command)], f"Typed ({command}).")
    page.write(tmp_path / "report.html")
    browser.visit(tmp_path / "report.html", width=width)
    flags = browser.all(".flag")
    assert len(flags) == 4 * 3
    assert all(one.text.startswith("--") for one in flags)
    assert browser.execute_script("return [...arguments[0]].every(one => one.getClientRects().length === 1)", flags)
    assert [browser.one(f"{where} code, {where} pre").text for where in (".next", "main")] == [command] * 2


def test_pictures_are_sought_by_name(browser, made):
    browser.visit(made)
    field = browser.show(browser.one(".controls input[type=search]"))

    def names():
        return [one.text for one in browser.all(".card .name")]

    field.send_keys("STREET")
    assert names() == ["Street_01", "street_02"]
    assert browser.one(".count").text == "2 of 3 pictures"
    field.send_keys("_02")
    assert names() == ["street_02"]
    field.send_keys(Keys.BACKSPACE * 9)
    browser.until("return document.querySelectorAll('.card').length === 3")


def test_the_page_of_a_training_is_loaded_again_but_not_under_a_reader_who_is_busy(browser, tmp_path):
    def written(words):
        page = Page("a run", "a phase", words, again=1)
        page.add("Words", lambda: [text("x")])
        page.write(tmp_path / "report.html")

    written("first")
    browser.visit(tmp_path / "report.html")
    written("second")
    browser.until("return document.querySelector('.verdict').textContent === 'second'")
    browser.execute_script("document.body.append(document.createElement('dialog'))")
    browser.execute_script("document.querySelector('dialog').showModal()")
    written("third")
    browser.execute_async_script("setTimeout(arguments[0], 2200)")
    assert browser.one(".verdict").text == "second"
