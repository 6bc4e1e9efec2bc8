"""`--resume`: a run that was interrupted goes on, and a finished one stays as it is."""

import pytest
import torch
from run_checks import metrics, refusal, same, weights
from tiny import PRETRAIN, SYNTHETIC, TRANSFER

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


def test_resuming_with_another_setting_is_refused(ae, capsys):
    said = refusal(pretrain, ["--resume", "--output_dir", ae, "--lr", "0.5"], capsys)
    assert "--lr was 0.001, is 0.5" in said
