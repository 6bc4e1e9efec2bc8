"""Images of another shape than the network's, in both phases and in what follows them."""

import json
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from datasets import write_tree
from PIL import Image
from run_checks import same, weights
from tiny import PRETRAIN, THIN, TINY, TRANSFER
from torch.nn import functional as F

from common.config.load import load_config
from common.doctor.__main__ import main as doctor
from common.run.checkpoint import load_handover
from pretrain.evaluate.__main__ import main as evaluate_pretraining
from pretrain.main import main as pretrain
from transfer import load_model
from transfer.evaluate.__main__ import main as evaluate
from transfer.gradcam.__main__ import main as gradcam
from transfer.main import main as transfer
from transfer.predict.__main__ import main as predict
from transfer.study.__main__ import main as study
from transfer.study.config import StudyConfig
from transfer.study.images import with_one_fit


def picture(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc on a dark ground, wide or tall, and its mask."""
    height, width = (40, 90 + index) if index % 2 else (80 + index, 30)
    rows, columns = np.mgrid[:height, :width]
    mask = (np.hypot(rows - height / 2, columns - width / 2) < 10).astype(np.uint8)
    noise = np.random.default_rng(index).integers(0, 40, (height, width, 3))
    return (np.where(mask[..., None] == 1, 180, 30) + noise).astype(np.uint8), mask * 255


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture(scope="session")
def discs(tmp_path_factory) -> Path:
    pairs = {f"{index:02}": picture(index) for index in range(20)}
    images = {f"images/{name}.png": image for name, (image, _) in pairs.items()}
    return write_tree(
        tmp_path_factory.mktemp("discs"), images | {f"masks/{name}.png": mask for name, (_, mask) in pairs.items()}
    )


@pytest.fixture(scope="session")
def padded(discs, tmp_path_factory) -> Path:
    """A run folder of both phases on padded images."""
    folder = tmp_path_factory.mktemp("padded")
    data = ["--data_dir", str(discs), "--fit", "pad"]
    views = ["--pseudo_mask_weight", "1", "--contrast_weight", "0.1", "--rotate", "10"]
    assert pretrain([*PRETRAIN, *data, *views, "--output_dir", str(folder / "ae")]) == 0
    words = ["--pretrained_encoder", str(folder / "ae"), "--report", "--output_dir", str(folder / "seg")]
    assert transfer([*TRANSFER, *data, *words]) == 0
    return folder


def test_the_files_of_both_phases_say_the_fit(padded):
    for phase in ("ae", "seg"):
        assert load_handover(padded / phase / "best.pth").input.fit == "pad"


def test_evaluation_repeats_the_figures_of_a_padded_run(padded):
    for command, phase in ((evaluate, "seg"), (evaluate_pretraining, "ae")):
        assert command(["--model_path", str(padded / phase), "--output_dir", phase, "--no_report"]) == 0
    ours, theirs = (json.loads(path.read_text()) for path in (Path("seg/metrics.json"), padded / "seg/metrics.json"))
    assert ours["test"] == theirs["test"]


def test_a_mask_comes_from_the_logits_without_their_padding(padded, discs):
    model = load_model(padded / "seg", "cpu")
    for index in (0, 1):
        image, _ = picture(index)
        box = model.fitting.box(*image.shape[:2])
        logits = model.logits(model.fitting.image(image)[None])
        inside = logits[..., box.top : box.top + box.height, box.left : box.left + box.width]
        expected = F.interpolate(inside, size=image.shape[:2], mode="bilinear", align_corners=False)[0].argmax(0)
        assert np.array_equal(model.predict(image).mask, expected.numpy())
    assert predict(["--model_path", str(padded / "seg"), "--input", str(discs / "images"), "--output", "out"]) == 0
    assert np.array_equal(opened(Path("out/masks/01.png")), model.predict(discs / "images/01.png").mask)


def test_scores_at_original_size_are_those_of_the_masks_that_predict_gives(padded):
    assert evaluate(["--model_path", str(padded / "seg"), "--original_size", "--no_report", "--output_dir", "o"]) == 0
    told = json.loads(Path("o/metrics.json").read_text())["test_original_size"]
    model, right, pixels = load_model(padded / "seg", "cpu"), 0, 0
    for key in np.load(padded / "seg/test_images.npz")["keys"].tolist():
        image, mask = picture(int(key))
        right += (model.predict(image).mask == mask // 255).sum()
        pixels += mask.size
    assert told["pixel_accuracy"] == pytest.approx(right / pixels, abs=1e-6)


def test_activation_maps_are_drawn_without_the_padding(padded, discs):
    words = ["--model_path", str(padded / "seg"), "--input", str(discs / "images/01.png"), "--output", "maps"]
    assert gradcam(words) == 0
    sizes = {opened(path).shape for path in Path("maps/maps").rglob("*.png")}
    assert sizes == {(40, 91, 3)}


def test_padding_counts_nowhere_in_phase_1(padded, discs, tmp_path):
    """Nothing changes in loss and scores where the network rebuilds the padding in another way."""
    from pretrain.losses.ssim import ssim_within
    from pretrain.scoring import reconstruction_scores

    random = torch.Generator().manual_seed(0)
    image, rebuilt = torch.rand(2, 2, 3, 32, 32, generator=random).unbind(0)
    valid = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    valid[0, :, 4:28], valid[1, :, :, 6:26] = True, True
    other = torch.where(valid, rebuilt, torch.rand(2, 3, 32, 32, generator=random))
    ours, theirs = (reconstruction_scores(one, image, valid) for one in (rebuilt, other))
    for name, values in ours.items():
        torch.testing.assert_close(values, theirs[name])
    assert ours["mse"][0] == pytest.approx((rebuilt - image)[0, :, 4:28].square().mean().item())
    everywhere = torch.ones_like(valid)
    torch.testing.assert_close(ssim_within(rebuilt, image, everywhere), ssim_within(rebuilt, image, None))


@pytest.fixture(scope="session")
def cropped(discs, tmp_path_factory) -> Path:
    """A run folder of both phases on crops."""
    folder = tmp_path_factory.mktemp("cropped")
    data = ["--data_dir", str(discs), "--fit", "crop"]
    views = ["--contrast_weight", "0.1", "--rotate", "10"]
    assert pretrain([*PRETRAIN, *data, *views, "--report", "--output_dir", str(folder / "ae")]) == 0
    words = ["--pretrained_encoder", str(folder / "ae"), "--report", "--output_dir", str(folder / "seg")]
    assert transfer([*TRANSFER, *data, *words]) == 0
    return folder


def test_whole_images_are_scored_and_predicted_at_their_own_size(cropped):
    """The confusion matrices of the run are those of the masks that predict gives."""
    record, model = np.load(cropped / "seg/test_images.npz"), load_model(cropped / "seg", "cpu")
    assert load_handover(cropped / "seg/best.pth").input.fit == "crop"
    for key, counts in zip(record["keys"].tolist(), record["confusions"], strict=True):
        image, mask = picture(int(key))
        assert counts.sum() == mask.size
        guess = model.predict(image).mask
        told = np.bincount((mask // 255 * 2 + guess).ravel(), minlength=4).reshape(2, 2)
        assert np.abs(told - counts).sum() <= 2  # rounding between batches
    assert evaluate(["--model_path", str(cropped / "seg"), "--original_size", "--no_report", "--output_dir", "o"]) == 0
    told = json.loads(Path("o/metrics.json").read_text())
    assert told["test_original_size"]["pixel_accuracy"] == pytest.approx(told["test"]["pixel_accuracy"], abs=1e-3)
    metrics = json.loads((cropped / "seg/metrics.json").read_text())
    assert told["test"] == metrics["test"]


def test_images_that_do_not_fit_in_one_piece_are_scored_by_windows(cropped, monkeypatch):
    before = json.loads((cropped / "seg/metrics.json").read_text())["test"]
    monkeypatch.setattr("common.data.gather.ONE_PIECE", 64)
    monkeypatch.setattr("transfer.scoring.ONE_PIECE", 64)
    assert evaluate(["--model_path", str(cropped / "seg"), "--no_report", "--output_dir", "o"]) == 0
    after = json.loads(Path("o/metrics.json").read_text())["test"]
    assert after["pixel_accuracy"] == pytest.approx(before["pixel_accuracy"], abs=0.1)
    counts = np.load("o/test_images.npz")["confusions"]
    assert sorted(counts.sum((1, 2))) == sorted(np.load(cropped / "seg/test_images.npz")["confusions"].sum((1, 2)))


def test_the_other_commands_follow_a_run_on_crops(cropped, discs):
    run, one = str(cropped / "seg"), str(discs / "images/01.png")
    assert gradcam(["--model_path", run, "--input", str(discs / "images"), "--output", "maps"]) == 0
    assert {opened(path).shape for path in Path("maps/maps").rglob("01.png")} == {(40, 91, 3)}
    assert predict(["--model_path", run, "--input", one, "--output", "masks"]) == 0
    assert opened(Path("masks/masks/01.png")).shape == (40, 91)
    words = ["--data_dir", str(discs), "--analyze_latent_space", "--output_dir", "ae", "--split", "train"]
    assert evaluate_pretraining(["--model_path", str(cropped / "ae"), *words]) == 0
    looked = ["--data_dir", str(discs), "--image_size", "64", "--fit", "crop"]
    assert doctor([*looked, "--output_dir", "d"]) < 2
    assert Path("d/report.html").exists()


def test_a_resumed_run_draws_the_same_crops(discs):
    words = [*TRANSFER, "--data_dir", str(discs), "--fit", "crop", "--lr", "0.01"]
    assert transfer([*words, "--output_dir", "whole"]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transfer.phase.Transfer.show", Mock(side_effect=KeyboardInterrupt))
        assert transfer([*words, "--output_dir", "parts"]) == 130
    assert transfer([*words, "--output_dir", "parts", "--resume"]) == 0
    assert same(weights(Path("whole")), weights(Path("parts")))


@pytest.mark.parametrize(
    ("command", "words", "told"),
    [
        (pretrain, ["--pseudo_mask_weight", "1"], "--fit squash"),
        (pretrain, ["--patch_size", "64", "--image_size", "128"], "--patch_size"),
        (transfer, ["--widths", *"4444444", "--dropout", *"0000000", "--image_size", "128"], "fewer --widths"),
    ],
)
def test_what_crops_cannot_do_is_refused(discs, command, words, told, capsys):
    assert command(["--data_dir", str(discs), "--fit", "crop", "--device", "cpu", *words]) == 2
    assert told in capsys.readouterr().err


def test_pets_and_the_like_are_squashed_without_a_word(discs, capsys):
    assert transfer([*TRANSFER, "--epochs", "1", "--data_dir", str(discs), "--output_dir", "run"]) == 0
    assert "--fit" not in capsys.readouterr().err
    assert load_handover(Path("run/best.pth")).input.fit == "squash"


@pytest.mark.parametrize(
    ("flag", "source", "fit", "told"),
    [
        ("--pretrained_encoder", "ae", "crop", "--fit auto takes crop, by which the encoder was taught"),
        ("--like", "ae", "crop", "--fit auto takes crop, by which the encoder was taught"),
        ("--init_from", "seg", "crop", "--fit auto takes crop, as in the training of"),
    ],
)
def test_phase_2_has_the_fit_of_what_it_takes_over_and_evaluation_repeats_it(
    cropped, discs, flag, source, fit, told, capsys
):
    small = [*TINY[:2], *TINY[9:]] if flag == "--init_from" else TRANSFER
    words = [*small, "--epochs", "1", "--data_dir", str(discs)]
    assert transfer([*words, flag, str(cropped / source), "--output_dir", "run"]) == 0
    assert told in " ".join(capsys.readouterr().err.split())
    assert load_handover(Path("run/best.pth")).input.fit == fit
    assert evaluate(["--model_path", "run", "--no_report"]) == 0
    ours, theirs = (
        json.loads(Path(name).read_text())["test"] for name in ("run/metrics.json", "run/evaluation-test/metrics.json")
    )
    assert ours == theirs


def test_a_network_that_was_trained_on_padded_images_goes_on_with_them(padded, discs):
    words = [*TINY[:2], *TINY[9:], "--epochs", "1", "--data_dir", str(discs), "--init_from", str(padded / "seg")]
    assert transfer([*words, "--output_dir", "run"]) == 0
    assert load_handover(Path("run/best.pth")).input.fit == "pad"


def test_the_trainings_of_a_study_have_one_fit_which_stays(cropped, discs, capsys):
    starts = ["--initialisations", "scratch_unet", f"own={cropped / 'ae'}", "--seeds", "1", "--no_double_budget"]
    plan = ["--updates", "2", "--validations", "1", "--lrs", "0.01", "--encoder_lr_factors", "1"]
    words = [*THIN, "--data_dir", str(discs), *starts, *plan, "--label_counts", "all", "--keep_best"]
    assert study([*words, "--output_dir", "study"]) == 0
    files = list(Path("study/cells").glob("*/best.pth"))
    assert len(files) == 2
    assert {load_handover(file).input.fit for file in files} == {"crop"}
    saved = Path("study/config.yaml")
    assert "fit: crop\n" in saved.read_text()
    saved.write_text(saved.read_text().replace("fit: crop\n", ""))  # as of a version without the setting
    config, data = with_one_fit(load_config(StudyConfig, [*words, "--output_dir", "study"], prog=""))
    assert config.data.fit == data.fitting.fit == "squash"
    assert study([*words, "--fit", "crop", "--output_dir", "study"]) == 2
    assert "--fit was squash, is crop" in " ".join(capsys.readouterr().err.split())


def test_what_auto_would_take_and_cannot_is_refused_with_the_way_out(tmp_path, capsys):
    images = {f"{index:02}.png": np.full((40, 1100, 3), index, np.uint8) for index in range(24)}
    root = write_tree(tmp_path / "data", images)
    words = [*TINY, "--data_dir", str(root), "--image_size", "128", "--patch_size", "64", "--output_dir", "run"]
    assert pretrain(words) == 2
    assert "--fit auto takes crop here: or give --fit squash" in " ".join(capsys.readouterr().err.split())


def test_shipped_recipes_name_their_fit():
    for file in Path(__file__).parents[2].glob("configs/*/*.yaml"):
        assert "fit: squash" in file.read_text().splitlines(), file


def street(index: int) -> tuple[np.ndarray, np.ndarray]:
    """The shape of CamVid: 480 x 360 pixels, 11 classes in bands, and a border that is ignored."""
    mask = np.repeat((np.arange(480) * 11 // 480).astype(np.uint8)[None], 360, axis=0)
    image = np.random.default_rng(index).integers(0, 40, (360, 480, 3), dtype=np.uint8) + 20 * mask[..., None]
    mask[:, :7] = 255
    return image.astype(np.uint8), mask


def microscope(index: int) -> tuple[np.ndarray, np.ndarray]:
    """1,000 pixels a side, with dots of 20."""
    mask = np.zeros((1000, 1000), np.uint8)
    for row, column in np.random.default_rng(index).integers(0, 980, (30, 2)):
        mask[row : row + 20, column : column + 20] = 1
    return np.repeat((30 + 150 * mask)[..., None], 3, axis=2).astype(np.uint8), mask


@pytest.mark.parametrize(("draw", "classes", "fit"), [(street, 11, "crop"), (microscope, 2, "auto")])
def test_street_scenes_and_microscope_images_are_trained_on_in_crops(draw, classes, fit, tmp_path):
    pairs = {f"{index:02}": draw(index) for index in range(8)}
    images = {f"images/{name}.png": image for name, (image, _) in pairs.items()}
    write_tree(tmp_path / "data", images | {f"masks/{name}.png": mask for name, (_, mask) in pairs.items()})
    names = ", ".join(f"class {k}" for k in range(classes))
    values = ", ".join(f"{k}: {k}" for k in range(classes))
    Path("classes.yaml").write_text(f"names: [{names}]\nvalues: {{{values}, 255: ignore}}\n")
    words = ["--data_dir", "data", "--classes", "classes.yaml", "--fit", fit, "--updates", "2", "--epochs", "1"]
    assert transfer([*TRANSFER, *words, "--val_share", "0.2", "--output_dir", "run"]) == 0
    assert load_handover(Path("run/best.pth")).input.fit == "crop"
    record = np.load("run/test_images.npz")
    for key, counts in zip(record["keys"].tolist(), record["confusions"], strict=True):
        assert counts.sum() == (draw(int(key))[1] != 255).sum()
