"""Images that are resized to a short side before they are cropped, in both phases and in what follows them."""

import json
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from datasets import write_tree
from PIL import Image
from run_checks import same, weights
from tiny import PRETRAIN, TRANSFER
from torch.nn import functional as F

from common.data.batches import to_images
from common.data.fitting import resize_image
from common.run.checkpoint import load_handover
from pretrain.evaluate.__main__ import main as evaluate_pretraining
from pretrain.main import main as pretrain
from transfer import load_model
from transfer.evaluate.__main__ import main as evaluate
from transfer.gradcam.__main__ import main as gradcam
from transfer.main import main as transfer
from transfer.predict.__main__ import main as predict
from transfer.study.__main__ import main as study

CROPS = ["--fit", "crop", "--scale_to", "72", "--crop_scale", "0.5"]


def picture(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc on a dark ground, wide or tall, and its mask."""
    height, width = (140, 200 + index) if index % 2 else (150 + index, 100)
    rows, columns = np.mgrid[:height, :width]
    mask = (np.hypot(rows - height / 2, columns - width / 2) < 30).astype(np.uint8)
    noise = np.random.default_rng(index).integers(0, 40, (height, width, 3))
    return (np.where(mask[..., None] == 1, 180, 30) + noise).astype(np.uint8), mask * 255


@pytest.fixture(scope="session")
def discs(tmp_path_factory) -> Path:
    pairs = {f"{index:02}": picture(index) for index in range(20)}
    images = {f"images/{name}.png": image for name, (image, _) in pairs.items()}
    masks = {f"masks/{name}.png": mask for name, (_, mask) in pairs.items()}
    return write_tree(tmp_path_factory.mktemp("large_discs"), images | masks)


@pytest.fixture(scope="session")
def scaled(discs, tmp_path_factory) -> Path:
    """A run folder of both phases on crops of images with a short side of 72 pixels."""
    folder = tmp_path_factory.mktemp("scaled")
    data = ["--data_dir", str(discs), *CROPS]
    assert pretrain([*PRETRAIN, *data, "--report", "--output_dir", str(folder / "ae")]) == 0
    words = ["--pretrained_encoder", str(folder / "ae"), "--report", "--output_dir", str(folder / "seg")]
    assert transfer([*TRANSFER, *data, *words]) == 0
    return folder


def test_the_files_of_both_phases_say_the_short_side(scaled):
    for phase in ("ae", "seg"):
        known = load_handover(scaled / phase / "best.pth").input
        assert (known.fit, known.scale_to) == ("crop", 72)


def test_a_mask_comes_from_the_logits_of_the_resized_image(scaled, discs):
    model = load_model(scaled / "seg", "cpu")
    image, _ = picture(1)
    seen = resize_image(image, 72, round(201 * 72 / 140))
    whole = np.pad(seen, ((0, 96 - 72), (0, 128 - seen.shape[1]), (0, 0)), mode="reflect")
    with torch.no_grad():
        logits = model.fast(to_images(whole[None]))[..., :72, : seen.shape[1]]
    expected = F.interpolate(logits, size=(140, 201), mode="bilinear", align_corners=False)[0]
    prediction = model.predict(image, probabilities=True)
    torch.testing.assert_close(torch.from_numpy(prediction.probabilities), expected.softmax(0), atol=1e-5, rtol=1e-4)
    sure = (expected[0] - expected[1]).abs().numpy() > 1e-4
    assert (prediction.mask == expected.argmax(0).numpy())[sure].all()
    assert predict(["--model_path", str(scaled / "seg"), "--input", str(discs / "images"), "--output", "out"]) == 0
    with Image.open("out/masks/01.png") as mask:
        np.testing.assert_array_equal(np.asarray(mask), prediction.mask)


def test_scores_at_both_sizes_are_those_of_the_networks_image_and_of_predict(scaled):
    words = ["--model_path", str(scaled / "seg"), "--original_size", "--no_report", "--output_dir", "o"]
    assert evaluate(words) == 0
    told = json.loads(Path("o/metrics.json").read_text())
    assert told["test"] == json.loads((scaled / "seg/metrics.json").read_text())["test"]
    model, right, pixels = load_model(scaled / "seg", "cpu"), 0, 0
    record = np.load(scaled / "seg/test_images.npz")
    for key, counts in zip(record["keys"].tolist(), record["confusions"], strict=True):
        image, mask = picture(int(key))
        right += (model.predict(image).mask == mask // 255).sum()
        pixels += mask.size
        assert counts.sum() == model.fitting.box(*mask.shape).pixels < mask.size
    assert told["test_original_size"]["pixel_accuracy"] == pytest.approx(right / pixels, abs=1e-6)


def test_windows_lie_on_the_resized_image(scaled):
    one, several = load_model(scaled / "seg", "cpu"), load_model(scaled / "seg", "cpu", tile=64, overlap=32)
    image, _ = picture(1)
    assert len(list(several.blocks(resize_image(image, 72, 103)))) == several.tiling.count(72, 103) > 1
    assert (one.predict(image).mask == several.predict(image).mask).mean() > 0.8


def test_the_other_commands_follow(scaled, discs):
    one = str(discs / "images/01.png")
    assert gradcam(["--model_path", str(scaled / "seg"), "--input", one, "--output", "maps"]) == 0
    for path in Path("maps/maps").rglob("01.png"):
        with Image.open(path) as map:
            assert map.size == (201, 140)
    words = ["--data_dir", str(discs), "--output_dir", "ae", "--no_report"]
    assert evaluate_pretraining(["--model_path", str(scaled / "ae"), *words]) == 0
    ours, theirs = (
        json.loads(path.read_text())["test"] for path in (Path("ae/metrics.json"), scaled / "ae/metrics.json")
    )
    assert {name: interval["mean"] for name, interval in ours.items()}.items() >= theirs.items()


def test_specks_are_measured_in_the_networks_pixels(scaled, discs, capsys):
    one = str(discs / "images/01.png")
    assert predict(["--model_path", str(scaled / "seg"), "--input", one, "--output", "out"]) == 0
    limit = round(4 * (140 * 201) / (72 * 103))
    assert f"of less than {limit} pixels" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_that_would_become_too_large_is_left_out(scaled, tmp_path, capsys):
    write_tree(tmp_path / "in", {"strip.png": np.zeros((2, 300, 3), np.uint8), "x.png": picture(1)[0]})
    words = ["--model_path", str(scaled / "seg"), "--input", str(tmp_path / "in"), "--output", "out"]
    assert predict([*words, "--max_pixels", "30000"]) == 0
    assert "strip.png: with --scale_to 72 its 777,600 pixels are more than 30,000" in capsys.readouterr().out
    assert not Path("out/masks/strip.png").exists()


def test_a_resumed_run_draws_the_same_crops_at_the_same_scales(discs):
    words = [*TRANSFER, "--data_dir", str(discs), *CROPS, "--lr", "0.01"]
    assert transfer([*words, "--output_dir", "whole"]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transfer.phase.Transfer.show", Mock(side_effect=KeyboardInterrupt))
        assert transfer([*words, "--output_dir", "parts"]) == 130
    assert transfer([*words, "--output_dir", "parts", "--resume"]) == 0
    assert same(weights(Path("whole")), weights(Path("parts")))
    assert transfer([*words, "--crop_scale", "1", "--output_dir", "other"]) == 0
    assert not same(weights(Path("whole")), weights(Path("other")))


def test_a_study_trains_at_the_short_side(discs):
    words = [*TRANSFER[:-2], "--data_dir", str(discs), *CROPS, "--initialisations", "scratch", "--seeds", "1"]
    plan = ["--updates", "2", "--validations", "1", "--lrs", "0.01", "--label_counts", "all", "--keep_best"]
    assert study([*words, *plan, "--output_dir", "study"]) == 0
    [best] = Path("study/cells").glob("*/best.pth")
    assert load_handover(best).input.scale_to == 72


@pytest.mark.parametrize("words", [["--fit", "auto"], ["--fit", "crop"]])
def test_pseudo_masks_of_crops_are_refused(discs, words, capsys):
    assert pretrain(["--data_dir", str(discs), "--scale_to", "72", "--pseudo_mask_weight", "1", *words]) == 2
    assert "--pseudo_mask_weight takes whole photographs" in capsys.readouterr().err
