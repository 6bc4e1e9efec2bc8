"""What `transfer.predict` writes of each image, beside palettes: pictures, arrays, probabilities, doubts."""

import csv

import cv2
import numpy as np
import pytest
from datasets import photo, write_tree
from scipy.stats import entropy
from segmenters import pixels, write_segmenter

from common.colours import PALETTE
from common.config.settings import settings_of
from common.data.any_image import to_pixels
from transfer.predict.__main__ import main as predict
from transfer.predict.config import PredictConfig
from transfer.predict.formats.registry import FORMATS
from transfer.predict.formats.result import FileEach, OneFile
from transfer.segmenter import load_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_segmenter(tmp_path_factory.mktemp("model") / "best.pth")


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory):
    return write_segmenter(tmp_path_factory.mktemp("model") / "best.pth", ("ground", "cell"))


@pytest.fixture
def images(tmp_path):
    pictures = {"wide.jpg": photo(1, height=50, width=131), "deep/tall.png": photo(2, height=97, width=40)}
    return write_tree(tmp_path / "in", pictures)


def run(*words) -> int:
    return predict([str(word) for word in words])


def rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_format_is_one_of_two_kinds_and_its_name_stands_in_the_help():
    [setting] = [one for one in settings_of(PredictConfig, PredictConfig()) if one.name == "format"]
    assert set(FORMATS) <= set(setting.help.replace(".", "").split())
    for name, entry in FORMATS.items():
        kind = entry.load()
        assert issubclass(kind, FileEach) != issubclass(kind, OneFile), name
        assert entry.words.startswith(f"{kind.folder}/" if issubclass(kind, FileEach) else kind.file), name


def test_pictures_and_arrays_hold_the_mask_of_the_palette(model, images, tmp_path):
    words = ["--format", "palette", "index", "rgba", "npz", "--no_overlays"]
    assert run("--model_path", model, "--input", images, "--output", tmp_path / "out", *words) == 0
    assert not (tmp_path / "out/overlays").exists()
    for key in ("wide", "deep/tall"):
        mask = pixels(tmp_path / f"out/masks/{key}.png")
        assert len(np.unique(mask)) == 3
        assert np.array_equal(cv2.imread(str(tmp_path / f"out/index/{key}.png"), cv2.IMREAD_UNCHANGED), mask)
        drawn = pixels(tmp_path / f"out/rgba/{key}.png")
        assert np.array_equal(drawn[..., :3], PALETTE[mask])
        assert np.array_equal(drawn[..., 3] == 0, mask == 0)
        with np.load(tmp_path / f"out/npz/{key}.npz") as archive:
            assert np.array_equal(archive["mask"], mask)
            assert archive["names"].tolist() == ["background", "cat", "dog"]
            assert archive["background"] == 0


def test_black_and_white_is_for_two_classes(model, two_classes, images, tmp_path, capsys):
    words = ["--input", images, "--output", tmp_path / "out", "--format", "255", "index"]
    assert run("--model_path", two_classes, *words) == 0
    mask = pixels(tmp_path / "out/255/wide.png")
    assert np.array_equal(mask, 255 * pixels(tmp_path / "out/index/wide.png"))
    assert set(np.unique(mask)) == {0, 255}
    assert run("--model_path", model, *words) == 2
    assert "--format 255 is for a background and one class, and this network has 3 classes" in capsys.readouterr().err
    assert run("--model_path", two_classes, *words, "--min_confidence", 0.5) == 2
    assert "--format 255 has no value left for pixels below --min_confidence" in capsys.readouterr().err
    assert run("--model_path", model, *words[:4], "--format", "pallete") == 2
    assert "did you mean palette?" in capsys.readouterr().err


@pytest.mark.parametrize("tile", [(), ("--tile", 64, "--overlap", 16)])
def test_probabilities_are_those_of_the_model_and_agree_with_the_mask(tile, model, images, tmp_path):
    for kind in ("npy", "tiff"):
        words = ["--output", tmp_path / kind, "--probabilities", kind, *tile]
        assert run("--model_path", model, "--input", images, *words) == 0
    expected = load_model(model, "cpu", **({"tile": 64, "overlap": 16} if tile else {}))
    for key, name in {"wide": "wide.jpg", "deep/tall": "deep/tall.png"}.items():
        chances = np.load(tmp_path / f"npy/probabilities/{key}.npy")
        assert chances.dtype == np.float16
        whole = expected.predict(images / name, probabilities=True).probabilities
        assert chances == pytest.approx(whole, abs=5e-4)
        done, pages = cv2.imreadmulti(str(tmp_path / f"tiff/probabilities/{key}.tiff"), flags=cv2.IMREAD_UNCHANGED)
        assert done
        assert np.stack(pages).dtype == np.uint16
        assert np.stack(pages) / 65535 == pytest.approx(whole, abs=3e-5)
        assert np.array_equal(np.stack(pages).argmax(0), pixels(tmp_path / f"tiff/masks/{key}.png"))
    assert not list(tmp_path.glob("*/.unfinished"))


def test_pixels_below_the_confidence_are_not_labelled(model, images, tmp_path):
    words = ["--model_path", model, "--input", images, "--probabilities", "tiff", "--min_object_area", 0]
    assert run(*words, "--output", tmp_path / "all") == 0
    assert run(*words, "--output", tmp_path / "sure", "--min_confidence", 0.7) == 0
    _, pages = cv2.imreadmulti(str(tmp_path / "all/probabilities/wide.tiff"), flags=cv2.IMREAD_UNCHANGED)
    best = np.stack(pages).max(0) / 65535
    mask, sure = (pixels(tmp_path / f"{name}/masks/wide.png") for name in ("all", "sure"))
    assert 0.05 < (best < 0.7).mean() < 0.95
    clear = abs(best - 0.7) > 1e-4
    assert np.array_equal(sure[clear], np.where(best < 0.7, 255, mask)[clear])
    row = next(row for row in rows(tmp_path / "sure/predictions.csv") if row["image"] == "wide")
    assert float(row["unsure"]) == pytest.approx((sure == 255).mean(), abs=1e-4)
    shares = sum(float(share) for name, share in row.items() if name.startswith("share_"))
    assert shares + float(row["unsure"]) == pytest.approx(1, abs=4e-4)
    assert {part["class"] for part in rows(tmp_path / "sure/objects.csv")} <= {"cat", "dog"}
    grey = pixels(tmp_path / "sure/overlays/wide.png")[sure == 255]
    assert set(map(tuple, grey.tolist())) <= {(128, 128, 128), (224, 224, 224)}


@pytest.mark.parametrize(("tile", "near"), [((), 0.03), (("--tile", 256), 1e-3)])
def test_several_networks_and_views_are_averaged(tile, near, model, tmp_path):
    """At its own size, in one piece, an image has the mean of the probabilities; else its logarithm is enlarged."""
    write_tree(tmp_path / "in", {"x.png": photo(1, height=48, width=128)})
    other, image = write_segmenter(tmp_path / "other.pth", seed=1, widths=(4, 6, 8, 8)), tmp_path / "in/x.png"
    words = ["--input", image, "--output", tmp_path / "out", "--probabilities", "npy", "--tta", "flip"]
    assert run("--model_path", model, other, *words, *tile) == 0
    of_each = []
    for file in (model, other):
        segmenter = load_model(file, "cpu", tile=tile[1] if tile else None)
        for side in (slice(None), slice(None, None, -1)):
            turned = np.ascontiguousarray(to_pixels(image, 3)[:, side])
            found = segmenter.predict(turned, probabilities=True).probabilities
            assert found is not None
            of_each.append(found[..., side])
    mean = np.mean(of_each, axis=0)
    chances = np.load(tmp_path / "out/probabilities/x.npy").astype(float)
    assert abs(chances - mean).mean() < near
    assert (chances.argmax(0) == mean.argmax(0)).mean() > 1 - near
    doubt = pixels(tmp_path / "out/uncertainty/x.png") / 65535
    expected = (entropy(mean, axis=0) - np.mean([entropy(p, axis=0) for p in of_each], axis=0)) / np.log(3)
    assert abs(doubt - expected).mean() < near
    assert expected.max() > 0.2
    [row] = rows(tmp_path / "out/predictions.csv")
    assert float(row["uncertainty"]) == pytest.approx(doubt.mean(), abs=1e-4)


def test_a_network_averaged_with_itself_predicts_what_it_predicts_and_doubts_nothing(model, images, tmp_path):
    assert run("--model_path", model, "--input", images, "--output", tmp_path / "one") == 0
    assert run("--model_path", model, model, "--input", images, "--output", tmp_path / "two") == 0
    one, two = (pixels(tmp_path / f"{name}/masks/deep/tall.png") for name in ("one", "two"))
    assert (one == two).mean() > 0.999
    assert pixels(tmp_path / "two/uncertainty/deep/tall.png").max() <= 1


def test_networks_that_were_not_trained_alike_are_not_averaged(model, two_classes, images, tmp_path, capsys):
    words = ["--input", images, "--output", tmp_path / "out"]
    assert run("--model_path", model, two_classes, *words) == 2
    assert "cannot be averaged: the classes of the one are background, cat, dog" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_predictions_written_among_the_images_are_no_images_of_the_next_call(model, images, capsys):
    for name in ("first", "second"):
        assert run("--model_path", model, "--input", images, "--output", images / name, "--device", "cpu") == 0
        assert "masks of 2 images" in capsys.readouterr().out


def test_predictions_written_beside_the_images_are_no_images_of_any_later_call(model, images, tmp_path, capsys):
    for output in (images, images, tmp_path / "other"):
        assert run("--model_path", model, "--input", images, "--output", output, "--device", "cpu") == 0
        assert "masks of 2 images" in capsys.readouterr().out
