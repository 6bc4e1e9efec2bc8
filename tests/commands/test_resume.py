"""`--resume`: a run that was interrupted goes on, and a finished one stays as it is."""

import json
import shutil
from unittest.mock import Mock

import pytest
import torch
from datasets import write_images_masks
from run_checks import metrics, power_cut, refusal, same, weights
from tiny import PRETRAIN, SYNTHETIC, TRANSFER

from common.engine import precision
from pretrain.main import main as pretrain
from transfer.main import main as transfer

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
    "--pseudo_mask_weight",
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
        pytest.param(pretrain, [*PRETRAIN, "--precision", "bf16"], marks=pytest.mark.slow, id="pretrain, bf16"),
        pytest.param(transfer, [*TRANSFER, "--precision", "bf16"], marks=pytest.mark.slow, id="transfer, bf16"),
    ],
)
def test_a_resumed_run_equals_one_that_never_stopped_bit_for_bit(command, flags, tmp_path):
    words = [*flags, *SYNTHETIC, "--epochs", "3", "--save_every", "0"]
    assert command([*words, "--output_dir", "whole"]) == 0

    with power_cut(after=2):
        command([*words, "--report", "--output_dir", "parts"])
    page = (tmp_path / "parts/report.html").read_text()
    assert "Written during training" in page, "and its page changes no bit of it"
    assert "Nothing to show" not in page
    torch.manual_seed(123)
    assert command(["--resume", "--no_report", "--output_dir", "parts"]) == 0
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert metrics(tmp_path / "whole") == metrics(tmp_path / "parts")
    assert (tmp_path / "whole/metrics.csv").read_text() == (tmp_path / "parts/metrics.csv").read_text()


def test_a_finished_run_says_so_when_it_is_resumed(ae, capsys):
    before = (ae / "ae.pth").stat().st_mtime_ns
    assert pretrain(["--resume", "--output_dir", str(ae)]) == 0
    assert "is finished" in capsys.readouterr().out
    assert (ae / "ae.pth").stat().st_mtime_ns == before


def test_resuming_with_another_setting_is_refused(ae, capsys):
    said = refusal(pretrain, ["--resume", "--output_dir", ae, "--lr", "0.5"], capsys)
    assert "--lr was 0.001, is 0.5" in said


@pytest.mark.parametrize(
    ("command", "flags", "page"),
    [
        pytest.param(pretrain, PRETRAIN, "pretrain.report.run_report.write_page", id="pretrain"),
        pytest.param(
            transfer, TRANSFER, "transfer.report.run_report.write_page", id="transfer", marks=pytest.mark.slow
        ),
    ],
)
def test_a_run_that_stopped_at_its_page_is_not_finished(command, flags, page, tmp_path, monkeypatch, capsys):
    words = [*flags, *SYNTHETIC, "--report", "--output_dir", "run"]
    with monkeypatch.context() as patch:
        patch.setattr(page, Mock(side_effect=KeyboardInterrupt))
        assert command(words) == 130
    assert metrics(tmp_path / "run")  # what was measured is kept before anything is drawn
    (tmp_path / "run/metrics.csv").write_text("epoch\n")
    assert command(["--resume", "--output_dir", "run"]) == 0
    assert (tmp_path / "run/report.html").stat().st_size > 100_000
    assert len((tmp_path / "run/metrics.csv").read_text().splitlines()) == 3
    capsys.readouterr()
    assert command(["--resume", "--output_dir", "run"]) == 0
    assert "is finished" in capsys.readouterr().out


def test_a_damaged_best_network_is_replaced_by_the_same_epoch(tmp_path, capsys):
    words = [*TRANSFER, *SYNTHETIC, "--save_every", "1", "--output_dir", "run"]
    assert transfer(words) == 0
    epoch = metrics(tmp_path / "run")["best_epoch"]
    unfinish(tmp_path / "run")
    (tmp_path / "run/best.pth").write_bytes(b"torn")
    assert transfer(["--resume", "--output_dir", "run"]) == 0
    assert f"replaced it by epoch_{epoch:04d}.pth" in capsys.readouterr().err
    unfinish(tmp_path / "run")
    (tmp_path / "run/best.pth").write_bytes(b"torn")
    (tmp_path / f"run/epoch_{epoch:04d}.pth").unlink()
    assert transfer(["--resume", "--output_dir", "run"]) == 2
    assert "copy an epoch_NNNN.pth over best.pth" in capsys.readouterr().err


def test_a_run_is_not_resumed_on_other_images(tmp_path, capsys):
    write_images_masks(tmp_path / "data", 30)
    assert transfer([*TRANSFER, "--data_dir", "data", "--epochs", "1", "--output_dir", "run"]) == 0
    unfinish(tmp_path / "run")
    for part in ("images/003.jpg", "masks/003.png"):
        (tmp_path / "data" / part).unlink()
    said = refusal(transfer, ["--resume", "--output_dir", "run"], capsys)
    assert "1 image is gone: 003" in said
    write_images_masks(tmp_path / "data", 30)
    shutil.move(tmp_path / "data", tmp_path / "moved")
    assert transfer(["--resume", "--output_dir", "run", "--data_dir", "moved"]) == 0


def test_a_run_is_resumed_where_its_file_of_classes_was_moved_but_not_with_other_classes(tmp_path, capsys):
    write_images_masks(tmp_path / "data", 30)
    (tmp_path / "a.yaml").write_text("names: [ground, pet]\nvalues: {0: 0, 255: 1}\n")
    words = [*TRANSFER, "--data_dir", "data", "--classes", "a.yaml", "--epochs", "2", "--output_dir", "run"]
    with power_cut(after=1):
        transfer(words)
    shutil.move(tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert "existing YAML file" in refusal(transfer, ["--resume", "--output_dir", "run"], capsys)
    again = ["--resume", "--output_dir", "run", "--classes"]
    for other in ("names: [ground, dog]\nvalues: {0: 0, 255: 1}\n", "names: [pet, ground]\nvalues: {0: 1, 255: 0}\n"):
        (tmp_path / "c.yaml").write_text(other)
        assert "it knows ground, pet, --classes says" in refusal(transfer, [*again, "c.yaml"], capsys)
    (tmp_path / "d.yaml").write_text("names: [ground, pet]\nvalues: {0: 1, 255: 0}\n")
    assert "30 images are changed" in refusal(transfer, [*again, "d.yaml"], capsys)
    assert transfer([*again, "b.yaml"]) == 0


@pytest.mark.parametrize("flags", [[], ["--folds", "2"]], ids=["one", "folds"])
def test_a_run_goes_on_where_its_images_were_moved(flags, tmp_path, capsys):
    write_images_masks(tmp_path / "data", 30)
    words = [*TRANSFER, "--data_dir", "data", "--epochs", "2", *flags, "--output_dir", "run"]
    with power_cut(after=1):
        transfer(words)
    shutil.move(tmp_path / "data", tmp_path / "moved")
    said = refusal(transfer, ["--resume", "--output_dir", "run"], capsys)
    assert said.endswith("there is no folder data; give the folder of the data set with --data_dir")
    assert transfer(["--resume", "--output_dir", "run", "--data_dir", "moved"]) == 0


def test_a_run_goes_on_where_the_file_of_its_encoder_was_moved_but_not_from_another_kind(ae, tmp_path, capsys):
    shutil.copy(ae / "ae.pth", "mine.pth")
    words = [*TRANSFER, *SYNTHETIC, "--pretrained_encoder", "mine.pth", "--output_dir", "run"]
    with power_cut(after=1):
        transfer(words)
    shutil.move("mine.pth", "moved.pth")
    assert "cannot read mine.pth" in refusal(transfer, ["--resume", "--output_dir", "run"], capsys)
    other = ["--widths", *["4"] * 6, "--epochs", "1", *SYNTHETIC, "--perceptual_weight", "0", "--pretext", "denoise"]
    assert pretrain([*PRETRAIN, *other, "--synthetic_count", "40", "--output_dir", "other"]) == 0
    again = ["--resume", "--output_dir", "run", "--pretrained_encoder"]
    assert "their records differ; give that file" in refusal(transfer, [*again, "other"], capsys)
    assert transfer([*again, "moved.pth"]) == 0
    assert json.loads((tmp_path / "run/receipt.json").read_text())["source"].startswith("moved.pth")


def unfinish(folder):
    """A run as it is before the last of its files is written."""
    marker = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**marker, "finished": False}))


def test_a_run_goes_on_in_its_number_format_where_that_is_slower(tmp_path, monkeypatch):
    def recorded():
        return json.loads((tmp_path / "run/environment.json").read_text())["precision"]

    monkeypatch.setattr(precision, "is_faster", lambda *_: True)
    with power_cut(after=1):
        transfer([*TRANSFER, *SYNTHETIC, "--amp", "--output_dir", "run"])
    assert recorded() == "bf16"
    monkeypatch.setattr(precision, "is_faster", lambda *_: False)
    assert transfer(["--resume", "--output_dir", "run"]) == 0
    assert recorded() == "bf16"
