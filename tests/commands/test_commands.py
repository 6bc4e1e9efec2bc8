"""Every command, run in-process on images that the test makes."""

import csv
import json
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from datasets import photo, write_folder, write_images_masks, write_oxford, write_tree
from PIL import Image
from tiny import SYNTHETIC, TINY
from torchvision.models import mobilenet_v2

from common.rows import read_rows
from common.tensor_files import load_tensors
from pretrain.evaluate.__main__ import main as look
from pretrain.main import main as pretrain
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer
from transfer.predict.__main__ import main as predict

PRETRAIN = [*TINY, "--perceptual_weight", "0", "--epochs", "2"]
TRANSFER = [*TINY, "--epochs", "2"]
RECORDS = ("config.yaml", "metrics.csv", "metrics.json", "environment.json", "tensorboard", "best.pth", "last.pth")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Commands write into the working folder; that is one of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def ae(tmp_path_factory):
    """A run folder of phase 1 on embedded data."""
    folder = tmp_path_factory.mktemp("phase1") / "ae"
    assert pretrain([*PRETRAIN, *SYNTHETIC, "--report", "--output_dir", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def seg(tmp_path_factory, ae):
    """A run folder of phase 2 on embedded data, with that encoder."""
    folder = tmp_path_factory.mktemp("phase2") / "seg"
    words = ["--pretrained_encoder", str(ae), "--freeze_epochs", "1", "--report", "--output_dir", str(folder)]
    assert transfer([*TRANSFER, *SYNTHETIC, *words]) == 0
    return folder


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def weights(folder: Path) -> dict:
    return load_tensors(folder / "last.pth")["state"]


def same(ours, theirs) -> bool:
    """Equal bits in nested states."""
    if isinstance(ours, torch.Tensor):
        return torch.equal(ours, theirs)
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs


def test_phase_1_leaves_everything_that_a_run_promises(ae):
    assert {path.name for path in ae.iterdir()} >= {*RECORDS, "ae.pth", "report.html"}
    assert {path.name for path in (ae / "figures").iterdir()} == {
        "reconstructions_val.png", "pretext_val.png", "reconstructions_test.png", "neighbours_val.png", "curves.png",
        "features.png",
    }  # fmt: skip
    scores = metrics(ae)
    assert scores["test"].keys() >= {"mse", "psnr", "ssim"}
    assert 0 < scores["val"]["mse"] < 1
    with (ae / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["train/loss"]) < float(rows[0]["train/loss"])


def test_phase_2_leaves_everything_that_a_run_promises(seg):
    assert {path.name for path in seg.iterdir()} >= {*RECORDS, "receipt.json", "report.html"}
    assert {path.name for path in (seg / "figures").iterdir()} == {
        "segmentations_test.png", "confusion_test.png", "quality_test.png", "curves.png",
        "activation_maps.png", "features_before.png", "features_after.png",
    }  # fmt: skip
    scores = metrics(seg)["test"]
    assert scores.keys() >= {"mean_iou", "pixel_accuracy", "mean_foreground_dice", "per_class", "image_mean"}
    assert list(scores["per_class"]) == ["background", "cat", "dog"]
    assert scores["per_class"]["cat"].keys() == {"iou", "dice", "precision", "recall"}
    receipt = json.loads((seg / "receipt.json").read_text())
    assert receipt["loaded"] == receipt["tensors"] > 0
    assert receipt["frozen_epochs"] == 1
    assert receipt["uses_imagenet_labels"] is receipt["uses_labels"] is False


def test_every_figure_is_a_picture_with_something_on_it(ae, seg):
    figures = [*(ae / "figures").iterdir(), *(seg / "figures").iterdir()]
    assert len(figures) >= 6
    for path in figures:
        picture = cv2.imread(str(path))
        assert picture is not None, path
        assert picture.std() > 5, path


def test_evaluate_repeats_the_test_figures_of_the_run_exactly(seg, tmp_path, capsys):
    assert evaluate(["--model_path", str(seg / "best.pth"), "--output_dir", str(tmp_path / "again")]) == 0
    assert metrics(tmp_path / "again")["test"] == metrics(seg)["test"]
    assert "mean IoU" in capsys.readouterr().out


def test_the_mean_iou_of_training_is_that_of_the_images_as_they_were_trained_on():
    fixed = ["--norm", "group", "--decoder_norm", "group", "--dropout", *["0"] * 6, "--decoder_dropout", *["0"] * 5]
    plain = ["--hflip", "0", "--rotate", "0", "--scale", "0", "--translate", "0", "--jitter", "0", "--lr", "1e-12"]
    assert transfer([*TRANSFER, *SYNTHETIC, *fixed, *plain, "--output_dir", "still"]) == 0
    assert evaluate(["--model_path", "still", "--split", "train", "--no_report"]) == 0
    with Path("still/metrics.csv").open() as file:
        told = [float(row["train/mean_iou"]) for row in csv.DictReader(file)]
    assert told == pytest.approx([metrics(Path("still/evaluation-train"))["train"]["mean_iou"]] * 2)


def test_evaluate_takes_the_flags_of_system_a_as_typed_there(seg, tmp_path):
    words = [
        "--model_path",
        seg,
        "--batch_size",
        4,
        "--num_workers",
        1,
        "--device",
        "cpu",
        "--output_dir",
        tmp_path / "out",
    ]
    switches = ["--visualize_samples", "--analyze_latent_space"]
    assert evaluate([*map(str, words), *switches]) == 0
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    drawn = {"confusion.png", "quality.png", "samples.png", "latents.png"}
    assert figures == {*drawn, "activation_maps.png", "features_before.png", "features_after.png"}


def test_training_takes_the_flags_of_system_a_as_typed_there(tmp_path):
    write_oxford(tmp_path / "pets")
    shared = "--data_dir pets --batch_size 8 --epochs 1 --lr 0.001 --weight_decay 1e-5 --amp --num_workers 1"
    shared = [*shared.split(), "--save_every", "1", "--patience", "15", "--device", "cpu", *TINY[:9]]
    loss = ["--mse_weight", "1.0", "--perceptual_weight", "0", "--ssim_weight", "0.1", "--output_dir", "one"]
    assert pretrain([*shared, *loss]) == 0
    assert (tmp_path / "one" / "epoch_0001.pth").exists()
    loss = [
        "--pretrained_encoder",
        "one/ae.pth",
        "--dice_weight",
        "1.0",
        "--ce_weight",
        "1.0",
        "--weighted_ce",
        "--output_dir",
        "two",
    ]
    assert transfer([*shared, *loss]) == 0


def test_the_two_plain_commands_follow_each_other(tmp_path, capsys):
    small = [*TINY, "--epochs", "1", *SYNTHETIC]
    assert pretrain(small) == 0
    assert (tmp_path / "ae.pth").exists()
    assert transfer([*small, "--pretrained_encoder", "ae.pth"]) == 0
    said = capsys.readouterr()
    assert "encoder: ae.pth" in said.out
    assert said.err.count("no --data_dir: using the embedded data") == 2
    assert {path.name.split("-")[0] for path in (tmp_path / "runs").iterdir()} == {"pretrain", "transfer"}


def test_the_handover_file_is_the_best_epoch_in_both_places(tmp_path, capsys):
    words = [*PRETRAIN, *SYNTHETIC, "--output_dir", "run", "--handover_path", "mine.pth"]
    assert pretrain(words) == 0
    files = [load_tensors(tmp_path / name) for name in ("run/ae.pth", "run/best.pth", "mine.pth")]
    assert same(files[0], files[1])
    assert same(files[0], files[2])
    assert not (tmp_path / "ae.pth").exists()
    assert "replaced" not in capsys.readouterr().out
    assert pretrain([*words, "--overwrite"]) == 0
    assert "mine.pth (replaced the one that was there)" in capsys.readouterr().out


HARD = [
    "--pretext",
    "mask",
    "--target",
    "hog",
    "--skips",
    "drop",
    "--ema",
    "0.9",
    "--accumulate",
    "2",
    "--saliency_weight",
    "0.5",
    "--contrast_weight",
    "0.5",
    "--jitter",
    "0.2",
]


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        pytest.param(pretrain, PRETRAIN, marks=pytest.mark.slow, id="pretrain, defaults"),
        pytest.param(pretrain, [*PRETRAIN, *HARD], id="pretrain, all at once"),
        pytest.param(transfer, TRANSFER, id="transfer"),
    ],
)
def test_a_resumed_run_equals_one_that_never_stopped_bit_for_bit(command, flags, tmp_path, monkeypatch):
    words = [*flags, *SYNTHETIC, "--epochs", "4", "--save_every", "0"]
    assert command([*words, "--output_dir", "whole"]) == 0

    class PowerCutError(Exception):
        pass

    import common.engine.session as training

    keep = training.fit

    def cut_after_two(one_epoch, scores, save, **settings):
        def save_and_fall(progress, better):
            save(progress, better)
            if progress.epoch == 2:
                raise PowerCutError

        keep(one_epoch, scores, save_and_fall, **settings)

    monkeypatch.setattr(training, "fit", cut_after_two)
    with pytest.raises(PowerCutError):
        command([*words, "--output_dir", "parts"])
    monkeypatch.setattr(training, "fit", keep)
    torch.manual_seed(123)
    assert command(["--resume", "--output_dir", "parts"]) == 0
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert metrics(tmp_path / "whole") == metrics(tmp_path / "parts")
    assert (tmp_path / "whole/metrics.csv").read_text() == (tmp_path / "parts/metrics.csv").read_text()


def test_a_finished_run_says_so_when_it_is_resumed(ae, capsys):
    before = (ae / "ae.pth").stat().st_mtime_ns
    assert pretrain(["--resume", "--output_dir", str(ae)]) == 0
    assert "is finished" in capsys.readouterr().out
    assert (ae / "ae.pth").stat().st_mtime_ns == before


def test_equal_seeds_give_equal_bits_and_other_seeds_other_weights(tmp_path):
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert transfer([*TRANSFER, *SYNTHETIC, "--epochs", "1", "--seed", seed, "--output_dir", name]) == 0
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a")["model"], weights(tmp_path / "c")["model"])


def test_a_frozen_encoder_is_bit_identical_after_an_epoch(ae, tmp_path):
    words = ["--pretrained_encoder", str(ae / "ae.pth"), "--freeze_epochs", "2", "--output_dir", "frozen"]
    assert transfer([*TRANSFER, *SYNTHETIC, *words]) == 0
    before = load_tensors(ae / "ae.pth")["sections"]["encoder"]
    assert same(before, load_tensors(tmp_path / "frozen/best.pth")["sections"]["encoder"])
    assert transfer([*TRANSFER, *SYNTHETIC, *words[:2], "--freeze_epochs", "0", "--output_dir", "tuned"]) == 0
    assert not same(before, load_tensors(tmp_path / "tuned/best.pth")["sections"]["encoder"])


def test_phase_1_learns_nothing_from_test_images_and_opens_no_mask(tmp_path):
    write_oxford(tmp_path / "pets")
    for mask in (tmp_path / "pets/annotations/trimaps").iterdir():
        mask.write_bytes(b"no picture")
    assert pretrain([*PRETRAIN, "--data_dir", "pets", "--epochs", "1", "--output_dir", "run"]) == 0
    seen = load_tensors(tmp_path / "run/ae.pth")["provenance"]["train_images"]
    listed = (tmp_path / "pets/annotations/trainval.txt").read_text().splitlines()
    assert 0 < len(seen) < len(listed) == 20


def test_a_leak_from_pretraining_into_test_images_is_said_aloud(tmp_path, capsys):
    write_oxford(tmp_path / "pets")
    shutil.copytree(tmp_path / "pets/images", tmp_path / "photos")
    assert pretrain([*PRETRAIN, "--data_dir", "photos", "--epochs", "1", "--output_dir", "run"]) == 0
    capsys.readouterr()
    words = ["--data_dir", "pets", "--pretrained_encoder", "run", "--epochs", "1", "--output_dir", "seg"]
    assert transfer([*TRANSFER, *words]) == 0
    assert "LEAK" in capsys.readouterr().err
    assert evaluate(["--model_path", "seg/best.pth", "--visualize_samples", "0"]) == 0
    assert "LEAK" in (tmp_path / "seg/evaluation-test/report.html").read_text()


def refusal(command, words, capsys) -> str:
    """The one sentence with which a command refuses; nothing is left behind but what was there."""
    before = sorted(Path.cwd().rglob("*"))
    assert command([str(word) for word in words]) == 2
    said = capsys.readouterr().err.splitlines()
    assert sorted(Path.cwd().rglob("*")) == before
    assert said[-1].startswith("error: ")
    assert not any("Traceback" in line for line in said)
    return said[-1]


def test_bad_input_is_refused_in_one_sentence_before_anything_is_written(tmp_path, capsys, ae):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    write_images_masks(tmp_path / "data")
    (tmp_path / "broken.pth").write_bytes(b"no checkpoint")
    data = ["--data_dir", "data", "--output_dir", "out"]
    cases = [
        (pretrain, ["--data_dir", "nowhere"], "nowhere"),
        (pretrain, ["--data_dir", "empty"], "empty"),
        (pretrain, ["--data_dir", "data", "--output_dir", "file"], "is a file"),
        (pretrain, ["--data_dir", "data", "--image_size", 65], "64"),
        (pretrain, ["--data_dir", "data", "--image_size", 32], "64"),
        (pretrain, [*data, "--perceptual_weight", "1", "--perceptual_weights_path", "nowhere.pth"], "nowhere.pth"),
        (transfer, [*data, "--pretrained_encoder", "nowhere.pth"], "nowhere.pth"),
        (transfer, [*data, "--pretrained_encoder", "broken.pth"], "broken.pth"),
        (transfer, [*data, "--pretrained_encoder", ae / "last.pth"], "not a handover file"),
        (transfer, [*data, "--transfer", "all"], "--pretrained_encoder"),
        (
            transfer,
            [*data, "--transfer", "all", "--pretrained_encoder", ae, "--decoder_widths", 8, 8, 8, 8, 8],
            "leave",
        ),
        (
            transfer,
            [*data, "--encoder", "mobilenet_v2", "--encoder_weights_path", "nowhere.pth"],
            "nowhere.pth",
        ),
        (transfer, [*data, "--encoder", "mobilenetv2"], "no such encoder; did you mean mobilenet_v2?"),
        (transfer, [*data, "--encoder", "resnet43"], "no such encoder; did you mean resnet34?"),
        (
            transfer,
            [*data, "--encoder", "resnet18", "--encoder_weights", "none", "--image_size", 80],
            "nearest size that works",
        ),
        (transfer, [*data, "--batch_size", 32], "use --batch_size 13"),
        (evaluate, ["--model_path", ae / "ae.pth"], "one for segmentation is wanted"),
    ]
    if not torch.cuda.is_available():
        cases.append((pretrain, [*data, "--device", "cuda"], "no CUDA GPU"))
    for command, words, said in cases:
        small = [] if command is evaluate else ["--image_size", 64]
        assert said in refusal(command, [*small, *words], capsys), words


def test_a_folder_that_holds_a_run_is_refused_and_stays(ae, capsys):
    before = (ae / "best.pth").stat().st_mtime_ns
    said = refusal(pretrain, [*PRETRAIN, *SYNTHETIC, "--output_dir", ae], capsys)
    assert "--resume" in said
    assert "--overwrite" in said
    assert (ae / "best.pth").stat().st_mtime_ns == before


@pytest.mark.slow
def test_overwrite_removes_the_run_and_nothing_else_in_its_folder(tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--save_every", "1", "--output_dir", "run"]
    assert pretrain(words) == 0
    (tmp_path / "run/notes.txt").write_text("mine")
    assert pretrain([*words, "--save_every", "0", "--overwrite"]) == 0
    assert (tmp_path / "run/notes.txt").read_text() == "mine"
    assert not (tmp_path / "run/epoch_0001.pth").exists()


def test_resuming_with_another_setting_is_refused(ae, capsys):
    said = refusal(pretrain, ["--resume", "--output_dir", ae, "--lr", "0.5"], capsys)
    assert "--lr was 0.001, is 0.5" in said


def test_an_unreadable_image_is_named_or_skipped_and_listed(tmp_path, capsys):
    write_folder(tmp_path / "photos", 80)
    broken = tmp_path / "photos" / "photo_007.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    words = [*PRETRAIN, "--epochs", 1, "--data_dir", "photos", "--output_dir", "run"]
    said = refusal(pretrain, words, capsys)
    assert "photo_007.jpg" in said
    assert "--skip_bad_files" in said
    assert pretrain([*map(str, words), "--skip_bad_files"]) == 0
    assert "photo_007.jpg" in capsys.readouterr().err


def test_a_full_disk_is_said_in_one_sentence(tmp_path, capsys):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        code = pretrain([*PRETRAIN, *SYNTHETIC, "--output_dir", "run"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert code == 2
    assert "free some space" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.pth"))


def test_the_alarm_rings_when_a_class_is_not_predicted_for_three_epochs(tmp_path, capsys):
    speck = np.zeros((64, 64), dtype=np.uint8)
    speck[30:32, 30:32] = 255
    for i in range(40):
        picture = photo(i, height=64, width=64)
        write_tree(tmp_path / "data", {f"images/{i:02}.png": picture, f"masks/{i:02}.png": speck})
    plain = [
        "--dice_weight",
        "0",
        "--no_weighted_ce",
        "--norm",
        "instance",
        "--lr",
        "0.05",
        "--epochs",
        "5",
        "--output_dir",
        "run",
    ]
    assert transfer([*TRANSFER, "--data_dir", "data", *plain]) == 0
    with (tmp_path / "run/metrics.csv").open() as file:
        taken = [float(row["val/predicted_foreground"]) for row in csv.DictReader(file)]
    assert taken[2:] == [0, 0, 0]
    assert "ALARM: no pixel was taken for foreground in the last 3 epochs" in capsys.readouterr().err
    assert metrics(tmp_path / "run")["warnings"] == ["class foreground is never predicted"]


def test_label_fractions_are_nested_and_cut_validation_too_where_asked(tmp_path):
    shares, images = {}, {}
    for fraction in ("0.2", "0.5"):
        words = ["--label_fraction", fraction, "--val_fraction", fraction, "--epochs", "1", "--epoch_updates", "1"]
        assert transfer([*TRANSFER, "--synthetic_count", "100", *words, "--output_dir", fraction]) == 0
        shares[fraction] = set(load_tensors(tmp_path / fraction / "best.pth")["provenance"]["train_images"])
        images[fraction] = metrics(tmp_path / fraction)["images"]
    assert shares["0.2"] < shares["0.5"]
    assert images["0.2"]["train"] < images["0.5"]["train"]
    assert images["0.2"]["val"] < images["0.5"]["val"]
    assert images["0.2"]["test"] == images["0.5"]["test"]


@pytest.mark.slow
def test_off_a_terminal_progress_is_plain_lines(tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--output_dir", str(tmp_path / "run")]
    root = Path(__file__).resolve().parents[2]
    answer = subprocess.run(
        [sys.executable, "-m", "pretrain.main", *words], cwd=root, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in answer.stderr.splitlines() if line.startswith("epoch 1/1")]
    assert all(word in line for word in ("train/loss", "val/psnr", "lr", "images/s", "left"))
    assert "\x1b" not in answer.stderr


def test_images_are_scored_where_they_are_not_ignored_and_nowhere_else(seg):
    scores = metrics(seg)["test"]["per_class"]
    for values in scores.values():
        if values["iou"] is not None:
            np.testing.assert_allclose(values["dice"], 2 * values["iou"] / (1 + values["iou"]))


def test_the_record_of_a_run_says_what_it_was_taught_and_whose_labels_helped(tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--pretext", "mask", "--target", "hog", "--norm", "batch"]
    assert pretrain([*words, "--report", "--output_dir", "run"]) == 0
    assert (tmp_path / "run/figures/pretext_val.png").exists()
    task = metrics(tmp_path / "run")["task"]
    assert task["pretext"] == "mask"
    assert task["target"] == "hog"
    assert task["norm"] == "batch"
    assert task["settings"] == {"mask_ratio": 0.6, "patch_size": 8, "hidden_at": "every_level"}
    assert task["uses_imagenet_labels"] is task["uses_labels"] is False
    assert load_tensors(tmp_path / "run/ae.pth")["task"] == task


def test_what_stands_out_and_telling_apart_are_learnt_beside_the_pretext_shown_and_handed_over(tmp_path):
    words = [*TINY, *SYNTHETIC, "--epochs", "2", "--saliency_weight", "1", "--rotate", "20", "--report"]
    assert pretrain([*words, "--contrast_weight", "0.5", "--output_dir", "run"]) == 0
    for row in read_rows(tmp_path / "run/metrics.csv"):
        expected = row["train/hog"] + row["train/saliency"] + 0.5 * row["train/contrast"]
        assert row["train/loss"] == pytest.approx(expected)
    assert (tmp_path / "run/figures/saliency_val.png").exists()
    assert '"name":"what stands out"' in (tmp_path / "run/report.html").read_text(encoding="utf-8")
    task = metrics(tmp_path / "run")["task"]
    assert (task["saliency_weight"], task["contrast_weight"]) == (1, 0.5)
    assert task["uses_imagenet_labels"] is task["uses_labels"] is False
    words = [*TRANSFER, *SYNTHETIC, "--epochs", "1", "--pretrained_encoder", "run"]
    assert transfer([*words, "--output_dir", "seg"]) == 0


def test_a_random_perceptual_net_uses_no_labels_and_is_recorded(tmp_path):
    words = [*TINY, *SYNTHETIC, "--epochs", "1", "--perceptual_weight", "0.1", "--perceptual_init", "random"]
    assert pretrain([*words, "--output_dir", "run"]) == 0
    task = metrics(tmp_path / "run")["task"]
    assert task["perceptual"] == "mobilenet_v2 (random)"
    assert task["uses_imagenet_labels"] is False


def test_a_perceptual_net_can_have_weights_of_ones_own(tmp_path, capsys):
    torch.save(mobilenet_v2().state_dict(), tmp_path / "own.pth")
    words = [*TINY, *SYNTHETIC, "--epochs", "1", "--perceptual_weight", "0.1", "--perceptual_init", "own"]
    assert "--perceptual_weights_path" in refusal(pretrain, words, capsys)
    assert pretrain([*words, "--perceptual_weights_path", "own.pth", "--output_dir", "run"]) == 0
    task = metrics(tmp_path / "run")["task"]
    assert task["perceptual"] == "mobilenet_v2 (own)"
    assert task["uses_imagenet_labels"] is False


@pytest.mark.parametrize(
    "flags",
    [
        ["--target", "hog"],
        ["--target", "features", "--perceptual_init", "random"],
        ["--perceptual_weight", "0.1", "--perceptual_init", "random"],
    ],
)
def test_hidden_patches_can_be_learnt_in_mixed_precision(flags, tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--pretext", "mask", "--amp", *flags]
    assert pretrain([*words, "--output_dir", "run"]) == 0
    assert 0 < metrics(tmp_path / "run")["val"]["mse"] < 1
    weights = load_tensors(tmp_path / "run/ae.pth")["sections"]["encoder"].values()
    assert {tensor.dtype for tensor in weights} == {torch.float32}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_a_compiled_network_learns_the_same(tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--pretext", "mask", "--target", "hog"]
    assert pretrain([*words, "--output_dir", "plain"]) == 0
    assert pretrain([*words, "--compile", "--output_dir", "compiled"]) == 0
    ours, theirs = (metrics(tmp_path / name)["val"] for name in ("plain", "compiled"))
    assert ours == pytest.approx(theirs, rel=0.05)  # its dropout draws other numbers
    assert load_tensors(tmp_path / "compiled/ae.pth")["sections"].keys() == {
        "encoder",
        "decoder",
        "head",
        "target_head",
    }


def test_a_probe_can_choose_the_best_epoch_and_that_is_recorded(tmp_path):
    write_oxford(tmp_path / "pets")
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "3", "--probe_dir", "pets", "--probe_every", "2"]
    assert pretrain([*words, "--monitor", "probe/miou", "--output_dir", "run"]) == 0
    with (tmp_path / "run/metrics.csv").open() as file:
        rows = [row["val/probe/miou"] for row in csv.DictReader(file)]
    assert [bool(row) for row in rows] == [False, True, True]
    scores = metrics(tmp_path / "run")
    assert scores["best_epoch"] == 2 + (float(rows[2]) > float(rows[1]))
    assert scores["task"]["uses_labels"] is True


def test_looking_at_an_autoencoder_gives_figures_intervals_and_levels(ae, tmp_path, capsys):
    words = ["--model_path", ae, "--output_dir", tmp_path / "out", "--split", "train", "--visualize_samples", "2"]
    assert look([*map(str, words), "--analyze_latent_space"]) == 0
    assert {path.name for path in (tmp_path / "out/figures").iterdir()} == {
        "worst.png", "best.png", "latents.png", "neighbours.png", "features.png"
    }  # fmt: skip
    found = metrics(tmp_path / "out")
    for name in ("mse", "psnr", "ssim", "psnr_no_skips"):
        assert found["train"][name]["low"] <= found["train"][name]["mean"] <= found["train"][name]["high"]
    assert [level["stride"] for level in found["levels"]] == [1, 2, 4, 8, 16, 32]
    assert all(0 <= level["probe_miou"] <= 1 and level["rank"] > 0 for level in found["levels"])
    assert 0 <= found["latents"]["knn_accuracy"] <= 1
    with (tmp_path / "out/images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == found["images"]
    assert sum(float(row["psnr"]) for row in rows) / len(rows) == pytest.approx(found["train"]["psnr"]["mean"])
    assert "5-NN accuracy" in capsys.readouterr().out


def test_looking_repeats_the_test_figures_of_the_run(ae, tmp_path):
    assert look(["--model_path", str(ae / "ae.pth"), "--output_dir", str(tmp_path / "out")]) == 0
    found = metrics(tmp_path / "out")["test"]
    assert {name: value["mean"] for name, value in found.items()} == metrics(ae)["test"]


def test_looking_at_photographs_without_masks_leaves_out_what_needs_them(ae, tmp_path):
    write_folder(tmp_path / "photos", 100)
    words = ["--model_path", ae, "--data_dir", "photos", "--split", "train", "--output_dir", "out"]
    assert look([*map(str, words), "--analyze_latent_space"]) == 0
    found = metrics(tmp_path / "out")
    assert "latents" not in found
    assert all(level["probe_miou"] is None for level in found["levels"])
    assert (tmp_path / "out/figures/latents.png").exists()


def test_settings_of_phase_1_that_exclude_each_other_are_refused(capsys):
    cases = [
        (["--monitor", "probe/miou"], "--probe_dir"),
        (["--pretext", "mask", "--patch_size", "7"], "--patch_size 8"),
        (["--inpaint", "0.6", "--outpaint", "0.6"], "at most 1"),
    ]
    for words, said in cases:
        assert said in refusal(pretrain, [*PRETRAIN, *SYNTHETIC, *words], capsys), words


def test_looking_at_images_of_one_class_has_no_silhouette(ae, tmp_path):
    listed = write_oxford(tmp_path / "pets") / "annotations/test.txt"
    listed.write_text(listed.read_text().replace(" 1 2 1", " 1 1 1"))  # cats alone
    words = ["--model_path", ae, "--data_dir", "pets", "--output_dir", "out"]
    assert look([*map(str, words), "--analyze_latent_space"]) == 0
    found = metrics(tmp_path / "out")["latents"]
    assert found["silhouette"] is None
    assert found["knn_accuracy"] == found["largest_class"] == 1


def test_too_few_images_for_latents_are_refused_before_anything_is_written(ae, tmp_path, capsys):
    write_oxford(tmp_path / "pets", test=2)
    words = ["--model_path", ae, "--data_dir", "pets", "--output_dir", "out", "--analyze_latent_space"]
    assert "at least 3 images" in refusal(look, words, capsys)


@pytest.mark.parametrize("channels", [1, 4])
def test_images_of_other_channels_go_through_both_phases_and_come_out_as_masks(channels, tmp_path, capsys):
    rows = np.random.default_rng(0).integers(0, 256, (90, 30, 40, channels), dtype=np.uint8)
    write_tree(tmp_path, {f"photos/{i}.png": row.squeeze() for i, row in enumerate(rows)})
    write_images_masks(tmp_path / "data", 40)
    for path in (tmp_path / "data/images").iterdir():
        with Image.open(path) as image:
            image.convert("L" if channels == 1 else "RGBA").save(path.with_suffix(".png"))
        path.unlink()
    words = [*TINY, "--epochs", "1", "--channels", str(channels)]
    alone = [*words, "--perceptual_weight", "0", "--pretext", "mask", "--target", "hog", "--data_dir", "photos"]
    assert pretrain([*alone, "--report", "--output_dir", "ae"]) == 0
    assert (tmp_path / "ae/figures/neighbours_val.png").exists()
    assert look(["--model_path", "ae", "--analyze_latent_space", "--device", "cpu"]) == 0
    labelled = [*words, "--data_dir", "data", "--pretrained_encoder", "ae"]
    assert transfer([*labelled, "--output_dir", "seg"]) == 0
    assert metrics(tmp_path / "seg")["test"]["pixel_accuracy"] is not None
    assert predict(["--model_path", "seg", "--input", "data/images", "--output", "out", "--device", "cpu"]) == 0
    assert len(list((tmp_path / "out/overlays").iterdir())) == 40
    three = [*TINY, "--data_dir", "data", "--pretrained_encoder", "ae"]
    assert f"pretrained on images of {channels} channels" in refusal(transfer, three, capsys)
    with_features = [*words, "--data_dir", "photos", "--perceptual_weight", "0.1"]
    assert "--perceptual_weight 0" in refusal(pretrain, with_features, capsys)
