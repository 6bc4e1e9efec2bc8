"""`transfer.gradcam`: maps of every class, layer and image, and the numbers behind them."""

import json

import numpy as np
import pytest
import torch
from datasets import photo, write_tree
from PIL import Image

from common.colours import heat
from common.data.batches import to_images
from common.data.decode import read_image
from common.data.fitting import resize_image
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import save_handover
from common.run.records import SegmentationRecord
from tests.records import segmentation_handover
from transfer.gradcam.__main__ import main as gradcam
from transfer.gradcam.cam import class_activation, upscale
from transfer.model import SegmentationNet
from transfer.segmenter import load_model

NAMES = ("background", "../<cat> \N{CAT FACE}", "x" * 300)
FOLDERS = ["0-background", "1-_cat_", f"2-{'x' * 40}"]
SIZES = {"wide": (131, 50), "deep/tall": (40, 97), "one": (1, 1)}


@pytest.fixture
def model(tmp_path):
    """The file of an untrained network that never predicts the third of its three classes."""
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 4, 6, 6, 8, 8), norm="instance")
    net = SegmentationNet(encoder, UNetDecoder(encoder.channels, encoder.strides, norm="batch"), num_classes=3).eval()
    with torch.no_grad():
        net.head.bias -= net(torch.rand(1, 3, 64, 64)).mean((0, 2, 3)) + torch.tensor([0, 0, 1e3])
    path = tmp_path / "best.pth"
    task = SegmentationRecord(NAMES)
    save_handover(segmentation_handover(net, task), path)
    return path


@pytest.fixture
def images(tmp_path):
    files = {
        f"{key}.png": photo(i, height=height, width=width) for i, (key, (width, height)) in enumerate(SIZES.items())
    }
    return write_tree(tmp_path / "in", files)


def run(*words) -> int:
    return gradcam([str(word) for word in words])


def opened(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_there_is_a_picture_for_every_image_layer_and_class_and_a_sheet_for_every_image(
    model, images, tmp_path, capsys
):
    assert run("--model_path", model, "--input", images, "--output", tmp_path / "out") == 0
    maps = json.loads((tmp_path / "out/maps.json").read_text())["maps"]
    layers = ["encoder.stages.3", "decoder.steps.4"]
    named = {record["picture"] for record in maps}
    expected = {f"maps/{layer}/{folder}/{key}.png" for layer in layers for folder in FOLDERS for key in SIZES}
    assert named == expected
    assert {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out/maps").rglob("*.png")} == expected
    for record in maps:
        assert opened(tmp_path / "out" / record["picture"]).shape == (*SIZES[record["image"]][::-1], 3)
        assert record["class"] in NAMES
        coarser_instance_norms = record["picture"].startswith("maps/encoder")
        assert record["method"] == ("hirescam" if coarser_instance_norms else "gradcam")
        never = record["class"] == NAMES[2]
        assert (record["gradient_ratio"] is None) == (not record["predicted"])
        assert record["empty"] or not never
        assert not (never and record["predicted"])
        assert "correlation_with_untrained" not in record
    for key in SIZES:
        sheet = opened(tmp_path / f"out/sheets/{key}.png")
        assert sheet.shape == (20 + 2 * (224 + 4 + 20), 5 * (224 + 4), 3)
        assert sheet.std() > 5
    said = capsys.readouterr().out
    assert f"warning: {NAMES[2]} is predicted in no image: its maps are empty\n" in said
    assert said.splitlines()[-1].endswith(" --sanity_check")
    assert "maps of 3 images: " in said


def test_a_sheet_of_many_classes_shows_those_that_are_predicted_in_its_image(tmp_path, capsys):
    names = tuple(f"class {k}" for k in range(9))
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6)
    net = SegmentationNet(encoder, UNetDecoder(encoder.channels, encoder.strides), num_classes=9).eval()
    with torch.no_grad():
        dict(net.head.named_parameters())["bias"][:7] -= 1e3
    save_handover(segmentation_handover(net, SegmentationRecord(names)), tmp_path / "best.pth")
    write_tree(tmp_path / "in", {"one.png": photo(0, height=64, width=64)})
    known = ["--model_path", tmp_path / "best.pth", "--input", tmp_path / "in", "--layer", "decoder.steps.4"]
    assert run(*known, "--output", tmp_path / "out") == 0
    record = json.loads((tmp_path / "out/maps.json").read_text())["maps"]
    shown = sum(one["predicted"] for one in record)
    assert 1 <= shown <= 2
    assert opened(tmp_path / "out/sheets/one.png").shape[1] == (2 + shown) * (224 + 4)
    asked = ["--target_class", *names[:7]]
    assert run(*known, *asked, "--output", tmp_path / "asked") == 0
    assert opened(tmp_path / "asked/sheets/one.png").shape[1] == (2 + 7) * (224 + 4)


def test_a_picture_is_the_enlarged_map_over_the_grey_image(model, images, tmp_path):
    words = ["--layer", "encoder.stages.2", "--target_class", NAMES[1], "--output", tmp_path / "out"]
    assert run("--model_path", model, "--input", images / "wide.png", *words) == 0
    net = load_model(model, "cpu").net
    full = read_image(images / "wide.png")
    found = class_activation(
        net, to_images(resize_image(full, 64)[None]), layer="encoder.stages.2", target_class=1, method="hirescam"
    )
    assert found.map.any()
    colours = heat(upscale(found.map, full.shape[:2]).numpy(), "viridis")[0]
    expected = 0.4 * full.mean(-1, keepdims=True) + 0.6 * colours
    drawn = opened(tmp_path / f"out/maps/encoder.stages.2/{FOLDERS[1]}/wide.png")
    assert np.abs(drawn - expected).max() < 1.01
    (record,) = json.loads((tmp_path / "out/maps.json").read_text())["maps"]
    assert record["gradient_ratio"] == pytest.approx(found.gradient_ratio.item(), abs=1e-5)


@pytest.mark.parametrize(("method", "words"), [("auto", "HiResCAM, since an InstanceNorm"), ("gradcam", "Grad-CAM;")])
def test_it_says_which_method_was_used_and_why(method, words, model, images, tmp_path, capsys):
    asked = ["--layer", "encoder.stages.2", "--target_class", "0", "1", "--method", method]
    assert run("--model_path", model, "--input", images, "--output", tmp_path / "out", *asked) == 0
    assert f"encoder.stages.2: {words}" in capsys.readouterr().out
    maps = json.loads((tmp_path / "out/maps.json").read_text())["maps"]
    assert {record["method"] for record in maps} == {"hirescam" if method == "auto" else method}
    assert {record["class"] for record in maps} == set(NAMES[:2])


def test_the_sanity_check_gives_every_map_a_correlation(model, images, tmp_path, capsys):
    words = ["--layer", "encoder.stages.3", "--sanity_check", "--output", tmp_path / "out"]
    assert run("--model_path", model, "--input", images, *words) == 0
    assert "|rank correlation| with the maps of 5 untrained networks" in capsys.readouterr().out
    for record in json.loads((tmp_path / "out/maps.json").read_text())["maps"]:
        for name in ("correlation_with_untrained", "correlation_by_chance"):
            assert (record[name] is None) == (not record["predicted"])
            assert record[name] is None or 0 <= record[name] <= 1


def test_results_do_not_depend_on_the_batch(model, images, tmp_path):
    for size in (1, 16):
        words = ["--output", tmp_path / str(size), "--batch_size", size]
        assert run("--model_path", model, "--input", images, *words) == 0
    one, all_ = (json.loads((tmp_path / size / "maps.json").read_text())["maps"] for size in ("1", "16"))
    key = ["image", "layer", "class"]
    one.sort(key=lambda record: [record[name] for name in key])
    all_.sort(key=lambda record: [record[name] for name in key])
    for ours, theirs in zip(one, all_, strict=True):
        assert ours.pop("gradient_ratio") == pytest.approx(theirs.pop("gradient_ratio"), abs=1e-4)
        assert ours == theirs
    pictures = [path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*.png")]
    assert len(pictures) == 3 * (2 * 3 + 1)
    for path in pictures:
        one, other = (opened(tmp_path / size / path).astype(int) for size in ("1", "16"))
        assert np.abs(one - other).mean() < 0.1


def test_an_unreadable_image_is_named_and_left_out_and_an_output_inside_the_input_is_no_image(
    model, images, tmp_path, capsys
):
    (images / "broken.jpg").write_bytes(b"no image")
    for _ in range(2):
        assert run("--model_path", model, "--input", images, "--output", images / "out", "--target_class", 1) == 0
    said = capsys.readouterr().out
    assert "left out: cannot read the image file" in said
    assert "maps of 3 images, 1 could not be read" in said
    assert len(list((images / "out/sheets").rglob("*.png"))) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layer", "encoder.stage.5"], "no such layer; did you mean encoder.stages.5?"),
        (["--layer", "encoder.stages"], "is not used when the network segments"),
        (["--target_class", "backgroun"], "did you mean background?"),
        (["--target_class", "3"], "--target_class 3: the classes are 0 background"),
        (["--target_class", "-1"], "--target_class -1: the classes are 0 background"),
        (["--method", "camgrad"], "method"),
        (["--input", "nowhere"], "no image and no folder nowhere"),
        (["--output", "best.pth"], "a file is in the way"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(words, said, model, images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("--model_path", "best.pth", "--input", "in", "--output", "out", *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_what_is_missing_is_asked_for(capsys):
    assert run("--model_path", "best.pth", "--input", "in") == 2
    assert "--output is missing" in capsys.readouterr().err
