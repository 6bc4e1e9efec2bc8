"""Settings of another encoder have no effect, and that is said."""

import pytest

from common.config.load import load_config
from transfer.config import TransferConfig
from transfer.main import main as transfer
from transfer.unused import unused

WIDTHS = ["--widths", "4", "4", "4", "4", "4", "4"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*WIDTHS], []),
        (["--encoder", "unet", *WIDTHS, "--norm", "group", "--down", "max_pool"], []),
        (["--encoder", "mobilenet_v2", "--encoder_weights_path", "w.pth", "--decoder_norm", "group"], []),
        (["--encoder", "resnet18", "--encoder_stride", "16"], []),
        (["--pretrained_encoder", "runs/ae"], []),
        (
            ["--encoder", "mobilenet_v2", *WIDTHS, "--norm", "batch"],
            ["--widths, --norm without effect: --encoder mobilenet_v2 has no such setting"],
        ),
        (
            ["--encoder", "mobilenet_v2", "--encoder_stride", "16"],
            ["--encoder_stride without effect: --encoder mobilenet_v2 has no such setting"],
        ),
        (
            ["--encoder", "mobilenet_v2", "--encoder-stride=16"],
            ["--encoder_stride without effect: --encoder mobilenet_v2 has no such setting"],
        ),
        (
            ["--encoder_weights_path", "w.pth"],
            ["--encoder_weights_path without effect: --encoder unet has no such setting"],
        ),
        (
            ["--like", "runs/ae", "--down=max_pool", "--encoder_weights_path", "w.pth"],
            ["--down, --encoder_weights_path without effect: --like brings an encoder of its own"],
        ),
    ],
)
def test_typed_settings_of_another_encoder_are_said_to_have_no_effect(words, said):
    words = ["--data_dir", "data", *words]
    assert unused(load_config(TransferConfig, words, prog=""), words) == said


def test_a_command_says_so_before_data_are_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert transfer(["--data_dir", "nowhere", "--encoder", "mobilenet_v2", "--encoder_weights", "none", *WIDTHS]) == 2
    assert "note: --widths without effect" in capsys.readouterr().err
