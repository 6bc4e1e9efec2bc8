"""Pseudo-masks that do not look like those of a single object are said aloud, and photographs of one are not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from common.data.pack import Pack
from pretrain.main import main as pretrain
from pretrain.pseudo_masks.doubts import doubts, iou, overlap
from tests.datasets import write_tree
from tests.tiny import SYNTHETIC, TINY

SIDE = 32
MIDDLE = np.zeros((SIDE, SIDE), bool)
MIDDLE[8:-8, 8:-8] = True


def pack(masks, *, images=None):
    """Images of a red square on blue ground, unless others are given, with masks."""
    plain = np.where(MIDDLE[..., None], (200, 30, 30), (30, 30, 200)).astype(np.uint8)
    images = [plain] * len(masks) if images is None else images
    names = tuple(map(str, range(len(masks))))
    return Pack(images=np.stack(images), masks=np.stack(masks).astype(np.uint8), keys=names, digests=names)


def said(*packs):
    return " ".join(doubts(*packs))


def test_masks_of_a_single_object_raise_no_doubt():
    assert doubts(pack([MIDDLE] * 5)) == []
    assert doubts(pack([MIDDLE] * 5), pack([np.roll(MIDDLE, 3)] * 5)) == []


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros_like(MIDDLE), "cover next to nothing in"),
        (np.ones_like(MIDDLE), "cover nearly everything in"),
        (np.arange(SIDE) % 2 * np.ones((SIDE, 1)) > 0, "have the same colours in"),
    ],
)
def test_what_most_masks_have_is_said_and_what_fewer_have_is_not(mask, words, count):
    told = said(pack([mask] * count + [MIDDLE] * 2))
    assert told == "" if count == 2 else f"{words} 67% of the photographs: for these take --recipe general" in told
    assert told == "" or told.startswith("ALARM: ")


def test_rounds_that_disagree_are_said():
    assert "masks of two rounds disagree in 100% of" in said(pack([MIDDLE] * 3), pack([~MIDDLE] * 3))


def test_masks_of_a_network_that_learnt_too_little_ask_for_a_longer_training():
    nothing = pack([np.zeros_like(MIDDLE)] * 3)
    colours, learnt = doubts(nothing), doubts(nothing, learnt=True)
    assert colours[0].endswith("100% of the photographs: for these take --recipe general")
    assert learnt[0].endswith("100% of the photographs: train longer, or take --recipe general")
    assert doubts(nothing, known=colours, learnt=True) == colours
    assert doubts(nothing, known=learnt, learnt=True) == learnt


def test_padding_does_not_count():
    corner = np.roll(MIDDLE, (-8, -8), (0, 1))
    image = np.where(corner[..., None], (200, 30, 30), (30, 30, 200)).astype(np.uint8)
    whole = pack([corner] * 3, images=[image] * 3)
    assert said(whole) == ""
    assert "nearly everything in 100%" in said(replace(whole, boxes=np.array([(0, 0, 16, 16)] * 3)))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_overlap_of_colours_is_that_of_two_histograms(channels):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (SIDE, SIDE, channels), dtype=np.uint8)
    image[MIDDLE] //= 2
    known = image[..., :3]
    bins = {
        "channels": [*range(known.shape[-1])],
        "histSize": [6] * known.shape[-1],
        "ranges": [0, 256] * known.shape[-1],
    }
    inside, outside = (
        cv2.calcHist([np.ascontiguousarray(known)], mask=part.astype(np.uint8), **bins) / np.float32(part.sum())
        for part in (MIDDLE, ~MIDDLE)
    )
    assert overlap(image, MIDDLE) == pytest.approx(cv2.compareHist(inside, outside, cv2.HISTCMP_INTERSECT), abs=1e-6)
    assert overlap(image, MIDDLE) == pytest.approx(overlap(image, ~MIDDLE))
    assert overlap(image, np.zeros_like(MIDDLE)) == 1.0


def test_the_iou_of_two_masks():
    assert iou(MIDDLE, np.ones_like(MIDDLE)) == MIDDLE.mean()
    assert iou(MIDDLE, ~MIDDLE) == 0.0
    assert iou(np.zeros_like(MIDDLE), np.zeros_like(MIDDLE)) == 1.0


def test_a_very_short_run_on_pets_asks_for_a_longer_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert pretrain([*TINY, *SYNTHETIC, "--recipe", "object", "--updates", "2", "--output_dir", "run"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("ALARM") == 1
    assert "of the photographs: train longer, or take --recipe general" in said


def test_a_run_on_textures_names_another_recipe_and_its_page_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    noise = {f"photos/{i}.png": random.integers(0, 256, (64, 64, 3), dtype=np.uint8) for i in range(40)}
    write_tree(tmp_path, noise)
    words = [*TINY, "--recipe", "object", "--data_dir", "photos", "--updates", "2", "--report", "--output_dir", "run"]
    assert pretrain(words) == 0
    assert "note: ALARM: foreground and background" in " ".join(capsys.readouterr().err.split())
    assert "for these take --recipe general" in (tmp_path / "run/report.html").read_text()
