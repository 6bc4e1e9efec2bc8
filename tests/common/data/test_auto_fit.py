"""`--fit auto`: what is measured of a data set, and what follows from it."""

import numpy as np
import pytest
from datasets import photo, sample, write_tree
from PIL import Image

from common.config.groups import DataConfig
from common.data.decode import decode_image, size_of
from common.data.fitting import Fitting
from common.data.load import load_labelled, load_splits


def write_dots(root, *, side: int, dot: int, count: int = 12):
    """Images of so many pixels a side, with dots of so many."""
    mask = np.zeros((side, side), np.uint8)
    for at in range(0, side - dot, max(side // 4, dot + 2)):
        mask[at : at + dot, at : at + dot] = 255
    images = {f"images/{i:02}.png": photo(i, height=side, width=side) for i in range(count)}
    return write_tree(root, images | {f"masks/{i:02}.png": mask for i in range(count)})


def config(tmp_path, root, **settings) -> DataConfig:
    return DataConfig(**{"data_dir": root, "image_size": 64, "cache_dir": tmp_path / "cache", **settings})


@pytest.mark.parametrize(
    ("side", "dot", "fit"), [(320, 10, "crop"), (320, 120, "squash"), (64, 4, "squash"), (600, 40, "crop")]
)
def test_crops_are_taken_where_objects_would_vanish_and_a_note_says_so(tmp_path, side, dot, fit):
    data = load_labelled(config(tmp_path, write_dots(tmp_path / "data", side=side, dot=dot)))
    assert data.fitting.fit == fit
    told = f"--fit auto takes crop: images have {side} pixels (longer side), their objects {dot}, in median"
    assert [note for note in data.notes if "--fit" in note] == ([told] if fit == "crop" else [])
    assert data.train.images[0].shape[:2] == ((side, side) if fit == "crop" else (64, 64))


def test_photographs_without_masks_are_judged_by_their_size(tmp_path):
    root = write_tree(tmp_path / "data", {f"{i:02}.png": photo(i, height=40, width=600) for i in range(24)})
    for size, fit in ((64, "crop"), (128, "squash")):
        data = load_splits(config(tmp_path, root, image_size=size))
        assert data.fitting.fit == fit
        told = "--fit auto takes crop: images have 600 pixels (longer side), in median"
        assert (told in data.notes) == (fit == "crop")


@pytest.mark.parametrize(
    ("encoder", "side", "dot", "fitting", "told"),
    [
        (Fitting(64, "crop"), 200, 40, Fitting(64, "crop"), "takes crop, by which the encoder was taught"),
        (
            Fitting(64, "crop", 100),
            200,
            40,
            Fitting(64, "crop", 100),
            "takes crop and --scale_to 100, by which the encoder was taught",
        ),
        (
            Fitting(64, "crop"),
            200,
            100,
            Fitting(64),
            "takes squash, where the encoder was taught by crops: images have 200 pixels (longer side), their objects "
            "100, in median",
        ),
        (Fitting(64, "crop"), 60, 10, Fitting(64), "takes squash, where the encoder was taught by crops"),
        (Fitting(64, "squash"), 200, 40, Fitting(64), None),
        (Fitting(64, "pad"), 200, 40, Fitting(64), None),
        (Fitting(64, "squash"), 320, 10, Fitting(64, "crop"), "takes crop: images have 320 pixels"),
    ],
)
def test_an_encoder_that_was_taught_by_crops_is_followed_where_crops_hold_objects(
    encoder, side, dot, fitting, told, tmp_path
):
    data = load_labelled(config(tmp_path, write_dots(tmp_path / "data", side=side, dot=dot)), encoder=encoder)
    assert data.fitting == fitting
    notes = [note for note in data.notes if "--fit" in note]
    assert len(notes) == (told is not None)
    assert (told or "") in "".join(notes)


def test_how_much_of_the_cache_crops_take_is_told_where_it_is_much(tmp_path, monkeypatch):
    monkeypatch.setattr("common.data.auto_fit.GIGABYTE", 1e6)
    data = load_labelled(config(tmp_path, write_dots(tmp_path / "data", side=320, dot=10)))
    [told] = [note for note in data.notes if "--fit" in note]
    assert told.endswith("in median; decoded they take about 4 GB (--cache_dir)")


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path):
    root = write_dots(tmp_path / "data", side=320, dot=10)
    (root / "images/00.png").write_bytes(b"no image")
    assert load_labelled(config(tmp_path, root, skip_bad_files=True)).fitting.fit == "crop"


def test_nothing_is_looked_at_where_nothing_can_differ(tmp_path, monkeypatch):
    """Neither of small images, nor once the fit is known, nor where the settings name it."""
    small, large = (write_dots(tmp_path / f"{side}", side=side, dot=10) for side in (60, 320))
    looked: list[str] = []

    def look(sample, data, image):
        looked.append(sample.key)
        return labels_of(sample, data, image)

    from common.data.decode import labels_of

    monkeypatch.setattr("common.data.auto_fit.labels_of", look)
    load_labelled(config(tmp_path, small))
    load_labelled(config(tmp_path, large, fit="pad"))
    assert not looked
    first = load_labelled(config(tmp_path, large))
    assert len(looked) == 12
    read: list[object] = []
    monkeypatch.setattr("common.data.auto_fit.read_bytes", read.append)
    assert load_labelled(config(tmp_path, large)).notes == first.notes
    assert not read


def test_what_was_seen_is_forgotten_with_the_files(tmp_path):
    root = write_dots(tmp_path / "data", side=320, dot=10)
    assert load_labelled(config(tmp_path, root)).fitting.fit == "crop"
    write_dots(root, side=320, dot=120)
    assert load_labelled(config(tmp_path, root)).fitting.fit == "squash"
    for record in (tmp_path / "cache").glob("*.sizes"):
        record.write_text("{}")
    assert load_labelled(config(tmp_path, root)).fitting.fit == "squash"


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "gif", "webp", "bmp"])
@pytest.mark.parametrize("turned", [1, 6])
def test_the_size_of_an_image_is_told_by_its_header(suffix, turned, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = turned
    path = tmp_path / f"a.{suffix}"
    tagged = {"exif": exif} if suffix in ("png", "jpg", "tif", "webp") else {}
    Image.fromarray(photo(height=30, width=50)).save(path, **tagged)
    data = path.read_bytes()
    assert size_of(sample(path), data) == decode_image(data, path).shape[:2]


def test_embedded_pets_are_squares():
    assert load_splits(DataConfig(synthetic_count=20, image_size=64)).fitting == Fitting(64)
