"""Settings of what was not chosen have no effect, and that is said."""

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
        (
            ["--vote", "pixel", "--leave_out_tests", "--momentum", "0.9"],
            [
                "--leave_out_tests, --vote without effect: it belongs to --unlabelled_dir",
                "--momentum without effect: --optimizer is adamw",
            ],
        ),
        (["--unlabelled_dir", "photos", "--vote", "pixel", "--optimizer", "sgd", "--momentum", "0.9"], []),
        (
            ["--freeze_epochs", "3", "--encoder-lr-factor=0.1"],
            ["--freeze_epochs, --encoder_lr_factor without effect: the encoder is not pretrained"],
        ),
        (["--encoder", "mobilenet_v2", "--freeze_epochs", "3"], []),
        (["--pretrained_encoder", "runs/ae", "--layer_decay", "0.9"], []),
        (
            ["--like", "runs/ae", "--layer_decay", "0.9"],
            ["--layer_decay without effect: the encoder is not pretrained"],
        ),
        (
            ["--decoder", "bilinear", "--up", "nearest", "--decoder_norm", "group", "--decoder_widths", "4"],
            ["--decoder_norm, --up without effect: --decoder is bilinear"],
        ),
        (
            ["--pretrained_encoder", "a.pth", "--transfer", "outlines", "--up", "nearest"],
            ["--up without effect: --transfer outlines brings a decoder of its own"],
        ),
        (
            ["--no_weighted_ce", "--class_weights", "data"],
            ["--class_weights without effect: --no_weighted_ce leaves the classes unweighted"],
        ),
        (
            ["--ce_weight", "0", "--no_weighted_ce"],
            ["--weighted_ce without effect: --ce_weight and --focal_weight are 0"],
        ),
    ],
)
def test_typed_settings_of_what_was_not_chosen_are_said_to_have_no_effect(words, said):
    words = ["--data_dir", "data", *words]
    assert unused(load_config(TransferConfig, words, prog=""), words) == said


def test_a_command_says_so_before_data_are_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert transfer(["--data_dir", "nowhere", "--encoder", "mobilenet_v2", "--encoder_weights", "none", *WIDTHS]) == 2
    assert "note: --widths without effect" in capsys.readouterr().err
