"""The page of a run: what is in it stays text, it stays small, and one broken part never costs the others."""

import base64
import hashlib
import html
import io
import json
import re
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import common.report.page
from common.data.synthetic.pets import synthetic_pets
from common.report.blocks import (
    Axis,
    Chart,
    Series,
    TableCell,
    code,
    curve_blocks,
    interval_position,
    matrix,
    number,
    table,
    text,
)
from common.report.draft import AGAIN, Draft
from common.report.gallery import BUDGET, Gallery, Item, Layer, Order, fill_gallery
from common.report.images import class_map, drawing, photograph, sheet
from common.report.page import Block, NothingToShowError, Notice, Page, Tile, notices
from common.report.provenance import fingerprint
from common.report.scatter import THUMBNAILS, Colouring, Points, scatter, thumbnailed, thumbnails, view
from common.report.selection import evenly, sampled, worst_best_between
from common.run.history import History
from common.run.records import Receipt

STATIC = Path(common.report.page.__file__).parent / "static"
HOSTILE = [
    "<script>window.ran = 1</script>",
    "</script><script>window.ran = 1</script>",
    "<!--<script>",
    "\"><img src=x onerror='window.ran = 1'>",
    "😀🐈‍⬛",
    "مرحبا بالعالم",
    "x" * 300,
    "{{ 7 * 7 }}",
    "\u2028\u2029",
    "\udcff.png",
]


class Reader(HTMLParser):
    """Collects elements, their attributes, the text of scripts, and all other text."""

    def __init__(self, content):
        super().__init__()
        self.tags, self.attributes, self.scripts, self.words, self.inside = [], [], [], [], ""
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, _):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.words.append(data)


def page(**settings) -> Page:
    return Page(**{"title": "a run", "kicker": "a phase", "verdict": "It works.", **settings})


def chart(name="train", values=(1.0, 2.0)) -> Block:
    return Chart(Axis("epoch"), Axis("loss"), [Series(name, list(range(1, len(values) + 1)), values)]).block(
        f"of {name}"
    )


def unpacked(uri) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def data_of(content, kind="chart"):
    return json.loads(re.search(rf'data-part="{kind}".*?<script[^>]*>(.*?)</script>', content, re.S)[1])


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_as_text_wherever_they_stand_and_never_as_markup(name):
    def full(word):
        one = page(title=word, kicker=word, verdict=word, tiles=[Tile(word, "1", word)], notices=[Notice(word)])
        one.add("Parts", lambda: [
            table(word, [word, "n"], [[word, number(1.0)], [word, number(2.0)]], note=word),
            matrix(word, [word, "b"], np.eye(2), [[word, ""], ["", ""]]),
            text(word), code(word, word), chart(word),
        ])  # fmt: skip
        return one.html()

    clean, read = Reader(full("word")), Reader(full(name))
    assert read.tags == clean.tags
    assert not [key for key, _ in read.attributes if key.startswith("on")]
    assert data_of(full(name))["series"][0]["name"] == name
    assert sum(name in words for words in read.words) >= 10


def test_a_page_asks_no_other_machine_for_anything_and_runs_its_own_script_alone():
    one = page()
    one.add("Curve", lambda: [chart()])
    content = one.html()
    read = Reader(content)
    sources = [value for key, value in read.attributes if key in ("src", "href", "action", "data")]
    assert all(value.startswith(("data:", "#")) for value in sources)
    assert "url(http" not in content
    policy = next(v for k, v in read.attributes if k == "content" and "default-src" in v)
    assert "default-src 'none'" in policy
    own = read.scripts[-1]
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_a_section_without_data_says_so_and_leaves_the_others():
    def broken(error):
        def build():
            raise error

        return build

    one = page()
    one.add("First", lambda: [text("I am here.")])
    one.add("Empty", broken(NothingToShowError("there is no image")))
    one.add("Infinite", broken(ValueError("Input X contains NaN.")))
    one.add("Curve", lambda: [chart(values=[float("nan")] * 3)])
    one.add("Nothing at all", list)
    one.add("Last", lambda: [text("So am I.")])
    content = html.unescape(one.html())
    for words in (
        "I am here.",
        "Nothing to show here: there is no image.",
        "contains NaN.",
        "no value is a number",
        "So am I.",
    ):
        assert words in content
    assert "Nothing at all" not in content


def test_a_name_that_is_no_unicode_can_be_written(tmp_path):
    page(title="\udcff.png").write(tmp_path / "report.html")
    assert "?.png" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_our_own_mistakes_are_not_taken_for_data():
    one = page()
    one.add("Wrong", lambda: [text(None.missing)])
    with pytest.raises(AttributeError):
        one.html()


def test_numbers_that_are_none_are_gaps_and_dashes():
    content = page()
    content.add("Curve", lambda: [chart(values=[1.0, float("nan"), float("inf"), 2.0])])
    content.add("Table", lambda: [table("", ["a", "b"], [["x", number(float("nan"))], ["y", number(None)]])])
    words = content.html()
    assert data_of(words)["series"][0]["y"] == [1.0, None, None, 2.0]
    assert words.count(">-</td>") == 2
    assert number(float("inf")) == TableCell("-", None, number=True)


def test_curves_leave_out_what_no_epoch_has_and_mark_the_best():
    rows = [{"epoch": 1.0, "a": 1.0}, {"epoch": 2.0, "a": 2.0, "b": 5.0}]
    blocks = curve_blocks(rows, {"one": {"a": "first", "b": "second"}, "none": {"c": "third"}}, best_epoch=2)
    assert [one.title for one in blocks] == ["one"]
    assert [one["name"] for one in blocks[0].data["series"]] == ["first", "second"]
    assert blocks[0].data["marks"] == [{"x": 2, "label": "best"}]
    with pytest.raises(NothingToShowError):
        curve_blocks([], {"one": {"a": "first"}}, best_epoch=None)


def test_curves_that_fall_from_far_above_are_drawn_logarithmically():
    rows = [{"epoch": float(i), "a": 100.0 if i == 0 else 1.0} for i in range(9)]
    steep, level = (curve_blocks(rows, {"x": {"a": "a"}}, best_epoch=None)[0] for _ in range(2))
    assert steep.data["y"]["log"]
    flat = [{"epoch": float(i), "a": 2.0 if i == 0 else 1.0} for i in range(9)]
    assert not curve_blocks(flat, {"x": {"a": "a"}}, best_epoch=None)[0].data["y"]["log"]
    assert level == steep


@pytest.mark.parametrize(("first", "least", "log"), [(2.0, 0, False), (100.0, None, True)])
def test_the_axis_of_a_curve_has_the_name_of_its_values_and_begins_at_0_or_is_logarithmic(first, least, log):
    rows = [{"epoch": float(i), "a": first if i == 0 else 1.0} for i in range(9)]
    [block] = curve_blocks(rows, {"PSNR in dB, validation": {"a": "a"}}, best_epoch=None)
    assert (block.data["y"]["label"], block.data["y"]["min"], block.data["y"]["log"]) == ("PSNR in dB", least, log)


def test_an_interval_is_placed_between_the_ends_of_its_axis():
    assert interval_position(0.5, 0.25, 0.75) == {"at": 50, "low": 25, "high": 75, "zero": None}
    assert interval_position(0.0, -2, 0.5, start=-1, end=1, zero=0.0) == {"at": 50, "low": 0, "high": 75, "zero": 50}
    assert interval_position(float("nan"), 0, 1) is None


def test_pictures_come_back_as_they_went_in():
    random = np.random.default_rng(0)
    colours = np.array([(0, 0, 0), (230, 159, 0), (86, 180, 233)], dtype=np.uint8)[random.integers(0, 3, (40, 30))]
    clear = (colours == 0).all(-1)
    back = np.asarray(unpacked(drawing(colours, clear=clear)).convert("RGBA"))
    np.testing.assert_array_equal(back[..., 3] == 0, clear)
    np.testing.assert_array_equal(back[~clear][:, :3], colours[~clear])
    mask = random.integers(0, 256, (40, 30), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(unpacked(class_map(mask))), mask)
    smooth = synthetic_pets(20, 64, seed=0).images[0]
    assert np.abs(np.asarray(unpacked(photograph(smooth))).astype(int) - smooth).mean() < 6


def test_a_drawing_whose_colours_are_partly_clear_is_of_a_palette():
    colours = np.zeros((64, 64, 3), dtype=np.uint8)
    colours[20:50, 20:50] = (230, 159, 0)
    clear = np.ones((64, 64), dtype=bool)
    clear[20:50, 20:22] = False  # an outline
    picture = unpacked(drawing(colours, clear=clear))
    assert picture.mode == "P"
    back = np.asarray(picture.convert("RGBA"))
    np.testing.assert_array_equal(back[..., 3] == 0, clear)
    np.testing.assert_array_equal(back[~clear][:, :3], colours[~clear])


def test_large_pictures_are_made_smaller_and_keep_their_shape():
    assert unpacked(photograph(np.zeros((1000, 500, 3), np.uint8))).size == (128, 256)
    assert unpacked(class_map(np.zeros((300, 600), np.uint8))).size == (256, 128)


def test_a_sheet_lowers_its_quality_until_it_fits():
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 48, 3), dtype=np.uint8)
    whole, squeezed = sheet(noise, side=48, columns=8), sheet(noise, side=48, columns=8, largest=100_000)
    assert unpacked(whole).size == (384, 384)
    assert len(squeezed) < len(whole)


def image_item(name, **values):
    return Item(id=name, name=name, badge="", **{"layers": {}, "sort": {}, "kinds": [], "figures": [], **values})


def test_the_script_of_a_gallery_reads_no_field_that_the_records_lack():
    script = (STATIC / "gallery.js").read_text()
    for record, word in ((Gallery, "data"), (Item, "item"), (Layer, "layer"), (Order, "order")):
        read = set(re.findall(rf"\b{word}\??\.(\w+)", script)) - {"indexOf", "length"}
        assert read <= {field.name for field in fields(record)}, record.__name__
        assert len(read) >= 2


def test_a_gallery_leaves_out_layers_that_no_image_has_and_fields_that_are_empty():
    items = [image_item("a", layers={"image": "data:,", "truth": "data:,"})]
    layers = [Layer(key="truth", name="truth", crisp=True), Layer(key="errors", name="errors")]
    laid_out = Gallery(items=items, layers=layers, orders=[Order("by name", "name")], start="truth").to_json()
    assert laid_out["layers"] == [{"key": "truth", "name": "truth", "crisp": True}]
    assert laid_out["orders"] == [{"name": "by name", "key": "name", "sign": 1}]
    assert laid_out["items"][0].keys() == {"id", "name", "badge", "layers", "sort", "kinds", "figures"}


def test_a_page_stays_small_however_many_and_large_the_images_are():
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    uri = photograph(noise)
    order = worst_best_between(np.linspace(0, 1, 5000))
    layers = {str(k): uri for k in range(20)}
    items = fill_gallery(order, lambda indices: [image_item(str(i), layers=layers) for i in indices])
    assert 1 <= len(items) < 16
    one = page()
    filled = Gallery(items=items, layers=[Layer(key=key, name=key) for key in layers], orders=[], start="0")
    one.add("Gallery", lambda: [filled.block("")])
    assert len(one.html()) < BUDGET * 1.3 < 15_000_000  # it can be mailed


def test_a_gallery_takes_up_worst_best_and_between_and_images_without_a_score_last():
    scores = np.array([0.5, np.nan, *np.linspace(0, 1, 98)])
    chosen = worst_best_between(scores, 9)
    assert len(chosen) == len(set(chosen)) == 9
    assert chosen[:2] == [2, 99]
    assert 1 not in worst_best_between(scores, 99)[:98]
    assert sorted(worst_best_between(scores[:5], 60)) == [0, 1, 2, 3, 4]
    assert worst_best_between([], 5) == []
    assert worst_best_between([float("nan")] * 3, 5) == [0, 1, 2]


def test_a_sample_is_the_same_for_a_seed_and_everything_where_that_is_little():
    assert sampled(5, 10, seed=0).tolist() == [0, 1, 2, 3, 4]
    one, two, other = (sampled(5000, 100, seed=seed) for seed in (0, 0, 1))
    assert one.tolist() == two.tolist() != other.tolist()
    assert len(set(one.tolist())) == 100
    assert evenly(0, 3) == []
    assert evenly(10, 3) == [0, 4, 9]


def cloud(count, *, classes=None):
    pack = synthetic_pets(20, 64, seed=0)
    pack = pack.take(np.arange(count) % 20)
    chosen = thumbnailed(count)
    points = Points(
        pack.keys, [str(i) for i in range(count)], [False] * count, {"images": ("image", thumbnails(pack, chosen))}
    )
    vectors = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    colourings = [Colouring("score", np.full(count, np.nan))]
    if classes is not None:
        colourings.append(Colouring("class", classes, ["ground", "cat", "dog"]))
    return scatter("", [view("encoder", vectors, seed=0)], colourings, points)


def test_a_scatter_leaves_out_a_score_that_nobody_has():
    found = cloud(12, classes=np.arange(12) % 3).data
    assert [one["name"] for one in found["colours"]] == ["class"]
    assert [one["name"] for one in cloud(12).data["colours"]] == ["image"]
    assert [one["key"] for one in found["planes"]] == ["tsne", "pca"]


def test_a_few_images_have_a_map_by_pca_alone_and_two_have_none():
    assert [one["key"] for one in cloud(4).data["planes"]] == ["pca"]
    with pytest.raises(NothingToShowError, match="at least 3"):
        cloud(2)
    with pytest.raises(NothingToShowError, match="not all numbers"):
        view("", np.full((5, 3), np.nan, dtype=np.float32), seed=0)


def test_of_very_many_images_some_have_a_thumbnail():
    assert len(thumbnailed(2 * THUMBNAILS)) == THUMBNAILS
    assert thumbnailed(7).tolist() == list(range(7))


def test_a_fingerprint_depends_on_the_files_and_not_on_their_order():
    pack = synthetic_pets(20, 64, seed=0)
    turned = pack.take(np.arange(20)[::-1].copy())
    assert fingerprint(pack) == fingerprint(turned) != fingerprint(pack.take(np.arange(19)))


def test_the_page_of_a_training_says_how_far_it_is_and_is_loaded_again(tmp_path):
    rows = [{"epoch": float(i), "train/loss": 2.0 / i} for i in (1, 2, 3)]
    draft = Draft(
        title="a run", kicker="a phase", said="Mean IoU 0.500.", history=History(3, 2, 0.5, rows), epochs=10,
        seconds=90.0, panels={"Loss": {"train/loss": "train"}}, pictures=("Images", list, ""), notes=["beware"],
    )  # fmt: skip
    draft.write(tmp_path / "report.html")
    content = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Mean IoU 0.500. Epoch 2 is the best so far, and is kept." in content
    assert "3 of 10 epochs done after 1:30, with about 3:30 left." in content
    assert "beware" in content
    assert f'data-again="{AGAIN}"' in content
    assert len(data_of(content)["series"][0]["y"]) == 3
    assert "data-again=" not in page().html()


def test_notes_of_a_run_are_no_warnings_but_for_leaks_and_what_is_not_learnt_from():
    scratch = Receipt(
        source="scratch", parts=(), tensors=0, loaded=0, part_parameters=0, parameters=1, frozen_epochs=0, epochs=1,
        lr_factor=1.0,
    )  # fmt: skip
    told = ["--fit auto takes crop", "LEAK: 1 test image", "left out: a.png", "skipped 2 updates, since", "a round"]
    found = [(one.kind, one.text) for one in notices(["too few"], scratch, told)]
    assert found == [("warning", text) for text in ("too few", *told[1:4])] + [("note", told[0]), ("note", "a round")]
