"""The pages of real runs in a real browser: what a reader can do with a mouse, a keyboard, a phone."""

import csv
import json

import cv2
import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.support.select import Select

pytestmark = pytest.mark.browser
PAGES = ("ae", "seg", "both", "study")


def numbers(text):
    return [float(word) for word in text.replace("%", " ").split() if word.replace(".", "").replace("-", "").isdigit()]


@pytest.mark.parametrize("width", [390, 1280, 2560])
@pytest.mark.parametrize("run", PAGES)
def test_a_page_fits_its_screen_says_nothing_to_the_console_and_asks_nobody_for_anything(
    run, width, browser, runs, tmp_path
):
    browser.visit(runs / run / "report.html", width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for section in browser.all("section"):
        browser.show(section)
    assert browser.complaints() == []
    assert all(url.startswith(("file:", "data:")) for url in browser.requests())
    picture = tmp_path / "page.png"
    browser.save_screenshot(str(picture))
    shown = cv2.imread(str(picture))
    assert shown.shape[1] == width
    assert shown.std() > 5


@pytest.mark.parametrize("run", PAGES)
def test_every_part_of_a_page_is_drawn(run, browser, runs):
    browser.visit(runs / run / "report.html")
    for mount in browser.all("[data-part]"):
        browser.show(mount)
        assert mount.find_elements("css selector", "svg path, canvas, .card")
    words = browser.execute_script(
        "document.querySelectorAll('pre').forEach((one) => one.remove())\nreturn document.body.innerText"
    )
    assert "Nothing to show" not in words
    assert not {"NaN", "undefined", "null"} & set(words.replace(",", " ").split())


def test_pointing_at_a_curve_says_the_values_that_the_run_recorded(browser, runs):
    browser.visit(runs / "seg/report.html")
    with (runs / "seg/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    frame = browser.show(browser.one("[aria-label^='Loss.']"))
    ActionChains(browser).move_to_element_with_offset(frame, frame.size["width"] // 2 - 16, 0).perform()
    tip = browser.one("[aria-label^='Loss.'] + .tip")
    said = numbers(tip.text)
    assert said[0] == 4
    assert said[1:] == pytest.approx([float(rows[3]["train/loss"]), float(rows[3]["val/loss"])], rel=1e-3)


def test_dragging_zooms_into_a_curve_and_a_button_or_escape_shows_all_again(browser, runs):
    browser.visit(runs / "seg/report.html")
    frame = browser.show(browser.one("[aria-label^='Loss.']"))

    def ticks():
        return frame.find_element("css selector", "svg").text

    def drag():
        ActionChains(browser).move_to_element_with_offset(frame, -60, 0).click_and_hold().move_by_offset(
            150, 0
        ).release().perform()

    before = ticks()
    drag()
    assert ticks() != before
    browser.one("[aria-label^='Loss.'] ~ .reset").click()
    assert ticks() == before
    drag()
    frame.send_keys(Keys.ESCAPE)
    assert ticks() == before


def test_a_curve_is_read_and_zoomed_by_keys(browser, runs):
    browser.visit(runs / "seg/report.html")
    frame = browser.show(browser.one("[aria-label^='Loss.']"))
    frame.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    tip = browser.one("[aria-label^='Loss.'] + .tip")
    assert tip.text.startswith("epoch 2")
    frame.send_keys(Keys.END)
    assert tip.text.startswith("epoch 4")
    said = browser.execute_script("return arguments[0].closest('.mount').querySelector('.unseen').textContent", frame)
    assert "train" in said
    assert "validation" in said
    frame.send_keys("+")
    assert browser.one("[aria-label^='Loss.'] ~ .reset").is_displayed()


def test_both_axes_of_a_chart_say_what_they_show(browser, runs):
    browser.visit(runs / "ae/report.html")
    frame = browser.show(browser.one("[aria-label^='PSNR in dB, validation']"))
    said = {one.text for one in frame.find_elements("css selector", "text.label")}
    assert said == {"epoch", "PSNR in dB"}


def test_the_page_of_phase_1_begins_with_neighbours_and_ends_its_figures_with_pixels(browser, runs):
    browser.visit(runs / "ae/report.html", width=390)
    titles = [one.text for one in browser.all("h2")]
    assert titles[:2] == ["Neighbours", "Task"]
    assert titles.index("Pictures, a by-product") > titles.index("Training")
    widths = browser.execute_script(
        "return [...document.querySelectorAll('.sheet img')].map((one) => one.naturalWidth)"
    )
    assert len(widths) > 12
    assert min(widths) >= 64
    sheets = (
        "return [...document.querySelectorAll('.sheet')].every((one) => one.scrollWidth <= one.parentNode.clientWidth)"
    )
    assert browser.execute_script(sheets)


def test_a_line_is_switched_off_and_on_in_the_legend(browser, runs):
    browser.visit(runs / "seg/report.html")
    frame = browser.show(browser.one("[aria-label^='Loss.']"))
    button = frame.find_element("xpath", "../../div[@class='legend']/button")
    lines = len(frame.find_elements("css selector", "g[clip-path] path"))
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert len(frame.find_elements("css selector", "g[clip-path] path")) == lines - 1
    button.send_keys(Keys.ENTER)
    assert len(frame.find_elements("css selector", "g[clip-path] path")) == lines


def test_layers_of_the_gallery_switch_and_fade(browser, runs):
    browser.visit(runs / "seg/report.html")
    card = browser.show(browser.one(".card"))
    browser.until("return arguments[0].querySelector('.layer')", card)
    first = card.find_element("css selector", ".layer").get_attribute("src")
    menu = Select(browser.one(".controls select"))
    assert [one.text for one in menu.options][:5] == ["none", "prediction", "truth", "errors", "entropy"]
    menu.select_by_visible_text("errors")
    layer = card.find_element("css selector", ".layer")
    assert layer.get_attribute("src") != first
    assert "missed" in browser.one(".keys").text
    slider = browser.one(".controls input[type=range]")
    name = slider.find_element("xpath", "../span")
    assert name.text == "opacity"
    before = float(layer.value_of_css_property("opacity"))
    slider.send_keys(Keys.ARROW_LEFT * 20)
    assert float(layer.value_of_css_property("opacity")) == pytest.approx(before - 0.2)
    browser.one(".controls input[value=wipe] + span").click()
    assert name.text == "how far"
    menu.select_by_visible_text("none")
    assert card.find_elements("css selector", ".layer") == []


def test_the_gallery_begins_with_the_worst_and_can_be_turned_round_and_filtered(browser, runs):
    browser.visit(runs / "seg/report.html")
    browser.show(browser.one(".card"))

    def scores():
        return [float(one.text.split()[1]) for one in browser.all(".card .score")]

    assert scores() == sorted(scores())
    order, kind = (Select(one) for one in browser.all(".controls select")[1:3])
    order.select_by_visible_text("best first")
    assert scores() == sorted(scores(), reverse=True)
    count = len(browser.all(".card"))
    kind.select_by_visible_text("cat")
    data = json.loads(browser.one("#b1-1-data").get_attribute("textContent"))
    assert len(browser.all(".card")) == sum(1 in item["kinds"] for item in data["items"]) <= count


def test_the_list_of_the_worst_images_is_saved_and_copied_without_asking_anybody(browser, runs, tmp_path):
    saving = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", saving)
    browser.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    browser.visit(runs / "seg/report.html")
    browser.show(browser.one(".file a")).click()
    browser.until_true(lambda: [path.name for path in tmp_path.iterdir()] == ["worst.csv"])
    expected = (runs / "seg/worst.csv").read_bytes()
    assert (tmp_path / "worst.csv").read_bytes() == expected
    assert expected.decode().startswith("image,mean_iou,pixel_accuracy,true,predicted,share")
    browser.one(".file button").click()
    browser.until("return document.querySelector('.file button').textContent === 'copied'")
    copied = browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied.splitlines() == expected.decode().splitlines()
    assert all(url.startswith(("file:", "data:")) for url in browser.requests())


def test_one_picture_is_looked_at_closely_with_mouse_and_keys(browser, runs):
    browser.visit(runs / "seg/report.html")
    card = browser.show(browser.one(".card"))
    card.send_keys(Keys.ENTER)
    dialog = browser.one("dialog[open]")
    name = dialog.find_element("css selector", "h3").text
    assert name == card.find_element("css selector", ".name").text
    classes, errors = dialog.find_elements("css selector", "table")
    assert "missed" not in classes.text
    assert "missed" in errors.text
    browser.execute_script("arguments[0].focus()", dialog.find_element("css selector", ".bar button"))
    ActionChains(browser).send_keys(Keys.ARROW_RIGHT).perform()
    assert dialog.find_element("css selector", "h3").text != name
    for button in dialog.find_elements("css selector", ".strip button"):
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
    stage = dialog.find_element("css selector", ".stage.large")
    ActionChains(browser).move_to_element_with_offset(stage, 3, 3).move_by_offset(5, 5).perform()
    browser.until("return document.querySelector('.readout').textContent.includes('truth: ')")
    assert "prediction: " in dialog.find_element("css selector", ".readout").text
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert browser.all("dialog[open]") == []
    assert browser.execute_script("return document.activeElement === arguments[0]", card)


def test_a_reconstruction_is_wiped_over_its_original(browser, runs):
    browser.visit(runs / "ae/report.html")
    browser.show(browser.one(".card")).click()
    stage = browser.one("dialog .stage.large")
    layer = stage.find_element("css selector", ".layer")

    def cut():
        return float(layer.value_of_css_property("clip-path").split()[-1].rstrip("%)"))

    assert cut() == 50
    ActionChains(browser).move_to_element_with_offset(stage, stage.size["width"] // 4, 0).click_and_hold().perform()
    ActionChains(browser).release().perform()
    assert cut() == pytest.approx(75, abs=1)
    slider = browser.one("dialog input[type=range]")
    slider.send_keys(Keys.END)
    assert cut() == 0


def nearest_point(browser, canvas):
    """Where a point lies on a scatter, from the canvas' middle: the first of the page's data."""
    data = json.loads(browser.one("[data-part=scatter] ~ script").get_attribute("textContent"))
    x, y = data["panels"][0]["places"]["tsne"][:2]
    width, height = canvas.size["width"], canvas.size["height"]
    return data, 16 + x / 4095 * (width - 32) - width / 2, 16 + (1 - y / 4095) * (height - 32) - height / 2


def test_a_point_of_the_scatter_shows_its_thumbnail_and_when_clicked_its_image_and_prediction(browser, runs):
    browser.visit(runs / "seg/report.html")
    canvas = browser.show(browser.one(".panel canvas"))
    data, x, y = nearest_point(browser, canvas)
    ActionChains(browser).move_to_element_with_offset(canvas, round(x), round(y)).perform()
    tip = browser.one(".tip.thumb")
    assert tip.is_displayed()
    assert tip.find_element("css selector", ".tile").value_of_css_property("background-image").startswith('url("data:')
    ActionChains(browser).click().perform()
    shown = browser.one(".inspector")
    name = shown.find_element("css selector", "b").text
    assert name in data["names"]
    assert [one.text for one in shown.find_elements("css selector", "figcaption")] == ["image", "prediction"]
    look = shown.find_elements("css selector", "button")
    if look:
        look[0].click()
        assert browser.one("dialog[open] h3").text == name


def test_both_encoders_stand_side_by_side_and_the_scatter_is_recoloured_and_walked_by_keys(browser, runs):
    browser.visit(runs / "seg/report.html")
    panels = browser.all(".panel")
    assert [panel.find_element("css selector", "h4").text for panel in panels] == [
        "encoder before training",
        "encoder after training",
    ]
    canvas = browser.show(panels[1].find_element("css selector", "canvas"))
    before = browser.execute_script("return arguments[0].toDataURL()", canvas)
    browser.one("input[value='1'] + span").click()
    assert "mean IoU" in browser.one(".kind-scatter .keys").text
    assert browser.execute_script("return arguments[0].toDataURL()", canvas) != before
    browser.one("input[value='pca'] + span").click()
    canvas.send_keys(Keys.ARROW_RIGHT)
    assert browser.one(".tip.thumb").is_displayed()
    canvas.send_keys(Keys.ARROW_LEFT, Keys.ENTER)
    assert browser.one(".inspector b").text


def test_a_table_is_sorted_by_the_head_of_a_column(browser, runs):
    browser.visit(runs / "seg/report.html")
    table = browser.show(browser.one("table.sortable"))

    def column():
        return [
            float(one.get_attribute("data-value")) for one in table.find_elements("css selector", "td:nth-child(2)")
        ]

    head = table.find_element("css selector", "th:nth-child(2)")
    head.find_element("css selector", "button").send_keys(Keys.ENTER)
    assert column() == sorted(column())
    assert head.get_attribute("aria-sort") == "ascending"
    head.find_element("css selector", "button").click()
    assert column() == sorted(column(), reverse=True)


def test_light_and_dark_follow_the_system_and_the_button(browser, runs):
    for scheme in ("light", "dark"):
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        browser.visit(runs / "seg/report.html")
        paper = browser.one("body").value_of_css_property("background-color")
        assert (sum(numbers(paper.replace("(", " ").replace(",", " "))[:3]) > 380) == (scheme == "light")
        browser.one("#theme").click()
        assert browser.one("body").value_of_css_property("background-color") != paper


def test_everything_can_be_reached_by_the_tab_key_and_shows_where_the_focus_is(browser, runs):
    browser.visit(runs / "seg/report.html")
    wanted = "a[href], button, select, input:not([type=radio]), canvas, .chart-frame"
    visible = "return [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility()).length"
    total, reached, outlines = browser.execute_script(visible, wanted), 0, set()
    for _ in range(total + 80):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        focused = browser.switch_to.active_element
        if focused.tag_name == "body":
            break
        if browser.execute_script("return arguments[0].matches(arguments[1])", focused, wanted):
            reached += 1
            outlines.add(focused.value_of_css_property("outline-style"))
    assert reached >= total
    assert outlines == {"solid"}


def test_pictures_have_words_and_controls_have_names(browser, runs):
    for run in PAGES:
        browser.visit(runs / run / "report.html")
        assert browser.execute_script("return [...document.images].every((one) => one.hasAttribute('alt'))")
        nameless = """return [...document.querySelectorAll('button, select, input')].filter((one) =>
            !one.textContent.trim() && !one.ariaLabel && !one.labels?.[0]?.textContent.trim()).length"""
        assert browser.execute_script(nameless) == 0


def test_a_script_that_is_not_the_pages_own_never_runs(browser, runs, tmp_path):
    text = (runs / "seg/report.html").read_text()
    forged = tmp_path / "forged.html"
    forged.write_text(
        text.replace("</footer>", "</footer><script>window.ran = true</script><img src=x onerror='ran=1'>")
    )
    browser.visit(forged)
    assert browser.execute_script("return window.ran") is None
    assert any("Content Security Policy" in one for one in browser.complaints())


def test_a_printed_page_holds_every_section_and_no_controls(browser, runs):
    browser.visit(runs / "seg/report.html")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert all(section.is_displayed() for section in browser.all("section"))
        assert not any(one.is_displayed() for one in browser.all(".controls, #theme, nav"))
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
