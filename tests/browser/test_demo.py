"""The page of `transfer.demo` in a real browser: an image in, its mask out."""

import threading

import pytest
from datasets import photo, write_tree

from transfer.demo.answers import Answers
from transfer.demo.config import DemoOptions
from transfer.demo.server import Server
from transfer.segmenter import load_model

pytestmark = pytest.mark.browser
DROP = """
  const file = new File([new Uint8Array([1, 2, 3])], "notes.txt"), data = new DataTransfer();
  data.items.add(file);
  document.getElementById("drop").dispatchEvent(new DragEvent("drop", {bubbles: true, dataTransfer: data}));
"""
"""Drops a file that is no image."""


@pytest.fixture(scope="module")
def model(runs):
    return load_model(runs / "seg", "cpu")


@pytest.fixture(scope="module")
def address(model, tmp_path_factory):
    answers = Answers(model)
    first = write_tree(tmp_path_factory.mktemp("first"), {"first.png": photo()}) / "first.png"
    answers(first.read_bytes(), first.name)  # it imports what draws, which takes long on a busy computer
    with Server(DemoOptions(port=0)) as server:
        thread = threading.Thread(target=server.run, args=(answers, "runs/seg"))
        thread.start()
        yield server.address
        server.shutdown()
        thread.join()


@pytest.fixture
def files(tmp_path):
    return write_tree(tmp_path, {f"{name}.png": photo(i, height=60, width=90) for i, name in enumerate(("one", "two"))})


def shown(browser, name):
    """Wait until the page answers for a file of this name."""
    browser.until("return document.getElementById('name').textContent === arguments[0]", name)
    browser.until("return !document.getElementById('answer').hidden")
    browser.until("return document.getElementById('layer').complete && document.getElementById('photo').complete")


def percent(share):
    """A share as the page writes it."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


@pytest.mark.parametrize("width", [390, 1280])
def test_an_image_is_shown_with_its_mask_and_the_shares_of_its_classes(browser, address, model, files, width):
    browser.visit(address, width=width)
    assert browser.one("h1").text == "Try a network"
    browser.one("#file").send_keys(str(files / "one.png"))
    shown(browser, "one.png")
    mask = model.predict(files / "one.png").mask
    names, shares = ([cell.text for cell in browser.all(f"#classes {tag}")] for tag in ("th", "td"))
    found = dict(zip(names, shares, strict=True))
    assert found == {name: percent((mask == k).mean()) for k, name in enumerate(model.names)}
    assert "90 x 60 pixels" in browser.one("#facts").text
    first = browser.one("#layer").get_attribute("src")
    for choice in browser.all("#layers input")[1:]:
        browser.show(choice).click()
        assert browser.one("#layer").get_attribute("src") != first
    assert browser.one("#note").text.startswith(("Grad-CAM at ", "HiResCAM at "))
    places = [browser.one(f"#{name}").rect for name in ("photo", "layer")]
    assert places[0] == places[1], "a layer lies over the image"
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert all(url.startswith((address, "data:")) for url in browser.requests())
    assert browser.complaints() == []


def test_a_file_that_is_no_image_gives_a_sentence_and_the_next_image_is_taken(browser, address, files):
    browser.visit(address)
    browser.execute_script(DROP)
    said = browser.until("const e = document.getElementById('error'); return !e.hidden && e.textContent")
    assert said.startswith("cannot read the image file notes.txt")
    assert not browser.one("#answer").is_displayed()
    browser.one("#file").send_keys(str(files / "two.png"))
    shown(browser, "two.png")
    assert not browser.one("#error").is_displayed()


def test_the_opacity_fades_the_layer(browser, address, files):
    browser.visit(address)
    browser.one("#file").send_keys(str(files / "one.png"))
    shown(browser, "one.png")
    browser.execute_script(
        "const e = document.getElementById('strength'); e.value = 25; e.dispatchEvent(new Event('input'))"
    )
    assert browser.one("#layer").value_of_css_property("opacity") == "0.25"
