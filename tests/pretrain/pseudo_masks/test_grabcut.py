"""Pseudo-masks: what is foreground, and that equal images give equal masks."""

import cv2
import numpy as np
import pytest

from common.data.classes import IGNORE
from common.data.synthetic.pets import synthetic_pets
from common.errors import UserError
from pretrain.pseudo_masks.grabcut import foreground, with_pseudo_masks


def blob(side=64, *, centre=(0.5, 0.55), radius=0.25):
    """A noisy orange disc on noisy green, and where it is."""
    rows, columns = np.mgrid[:side, :side] / side
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
    image = np.where(inside[..., None], (220, 130, 40), (60, 140, 70))
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), inside


@pytest.mark.parametrize("side", [48, 64, 128, 200])
def test_a_disc_on_another_colour_is_foreground_at_every_size(side):
    image, inside = blob(side)
    mask = foreground(image)
    assert (mask & inside).sum() / (mask | inside).sum() > 0.95


def test_of_two_objects_the_one_at_the_border_is_background():
    image, inside = blob(radius=0.2)
    image[:10, 20:44] = (220, 130, 40)
    mask = foreground(image)
    assert not mask[:10].any()
    assert (mask & inside).sum() / (mask | inside).sum() > 0.95


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_image_of_one_colour_has_a_mask_too(value):
    assert foreground(np.full((64, 64, 3), value, np.uint8)).shape == (64, 64)


def test_pseudo_masks_of_embedded_pets_are_better_than_squares_in_the_middle():
    pets = synthetic_pets(30, 64, seed=3)
    truth, counted = np.isin(pets.masks, (1, 2)), pets.masks != IGNORE

    def iou(mask):
        return (mask & truth & counted).sum() / ((mask | truth) & counted).sum()

    squares = [np.pad(np.ones((30, 64 - 2 * k, 64 - 2 * k), bool), ((0, 0), (k, k), (k, k))) for k in range(4, 28, 4)]
    assert iou(np.stack([foreground(image) for image in pets.images])) > max(map(iou, squares))


def test_masks_depend_on_no_thread_and_no_random_number_and_are_kept(tmp_path, monkeypatch):
    pets = synthetic_pets(12, 64, seed=0)
    first = with_pseudo_masks(pets, pets, side=64, cache_dir=tmp_path / "one", num_workers=1)
    cv2.setRNGSeed(5)
    np.random.default_rng(5)
    second = with_pseudo_masks(pets, pets, side=64, cache_dir=tmp_path / "four", num_workers=4)
    np.testing.assert_array_equal(first.masks, second.masks)
    np.testing.assert_array_equal(first.masks[3], foreground(pets.images[3]))
    monkeypatch.setattr(
        "pretrain.pseudo_masks.grabcut.foreground", lambda *_, side: pytest.fail(f"those at {side} were kept")
    )
    again = with_pseudo_masks(pets, pets, side=64, cache_dir=tmp_path / "one", num_workers=1)
    np.testing.assert_array_equal(first.masks, again.masks)
    with pytest.raises(pytest.fail.Exception, match="those at 48"):
        with_pseudo_masks(pets, pets, side=48, cache_dir=tmp_path / "one", num_workers=1)


def test_with_a_teacher_grabcut_starts_from_its_predictions_and_follows_the_colours():
    image, inside = blob(centre=(0.3, 0.25), radius=0.2)  # far from the middle, where colours alone look
    rough = np.zeros((16, 16), np.float32)
    rough[3:7, 2:6] = 0.9
    rough[1:9, :8] += 0.05
    assert (cv2.resize(rough, (64, 64)) > 0.5).sum() < 0.6 * inside.sum()
    mask = foreground(image, rough)
    assert (mask & inside).sum() / (mask | inside).sum() > 0.95


@pytest.mark.parametrize("probability", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_a_teacher_that_predicts_no_or_only_foreground_gives_a_mask_too(probability):
    assert foreground(blob()[0], np.full((64, 64), probability, np.float32)).shape == (64, 64)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    pets = synthetic_pets(2, 64, seed=0)
    with pytest.raises(UserError, match="--cache_dir"):
        with_pseudo_masks(pets, pets, side=64, cache_dir=tmp_path / "file", num_workers=1)


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_damaged_masks_of_the_cache_are_made_again_with_a_note(damage, tmp_path, capsys):
    pets = synthetic_pets(4, 64, seed=0)
    known = {"side": 64, "cache_dir": tmp_path, "num_workers": 1}
    first = np.array(with_pseudo_masks(pets, pets, **known).masks)
    [file] = tmp_path.glob("*.npy")
    whole = file.read_bytes()
    other = {"cut": whole[:-9], "changed": whole[:-9] + bytes([7]) + whole[-8:], "empty": b""}
    file.write_bytes(other[damage])
    np.testing.assert_array_equal(with_pseudo_masks(pets, pets, **known).masks, first)
    assert f"note: the pseudo-masks in {file} are damaged (" in " ".join(capsys.readouterr().err.split())
    assert file.read_bytes() == whole


def test_masks_of_older_versions_without_a_checksum_are_taken(tmp_path, capsys):
    pets = synthetic_pets(4, 64, seed=0)
    known = {"side": 64, "cache_dir": tmp_path, "num_workers": 1}
    with_pseudo_masks(pets, pets, **known)
    [file] = tmp_path.glob("*.crc32")
    file.unlink()
    with_pseudo_masks(pets, pets, **known)
    assert "damaged" not in capsys.readouterr().err
    assert not file.exists()
