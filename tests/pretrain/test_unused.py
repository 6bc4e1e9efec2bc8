"""Settings of what was not chosen have no effect, and that is said."""

import pytest

from common.config.load import load_config
from pretrain.config import PretrainConfig
from pretrain.main import main as pretrain
from pretrain.unused import unused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--mask_ratio 0.5 --patch_size 16", []),
        ("--pretext denoise --noise-sigma=1 --mse_weight 2", []),
        (
            "--pretext plain --mask-ratio=0.5 --shuffle 1",
            ["--mask_ratio, --shuffle without effect: --pretext is plain"],
        ),
        ("--mse_weight 2 --ssim_weight 0", ["--mse_weight, --ssim_weight without effect: --target is hog"]),
        ("--target image --teacher_cache 1", ["--teacher_cache without effect: --target is image"]),
        ("--contrast_swap 0.1", ["--contrast_swap without effect: --contrast_weight is 0"]),
        ("--pseudo_mask_size 64", ["--pseudo_mask_size without effect: --pseudo_mask_weight is 0"]),
        ("--recipe kinds --pseudo_mask_size 64 --contrast_swap 0.1 --momentum 0.8", []),
        ("--momentum 0.9 --min_lr 0", ["--momentum without effect: --optimizer is adam"]),
        (
            "--schedule constant --min_lr 0 --poly_power 1",
            [
                "--poly_power without effect: --schedule is constant",
                "--min_lr without effect: --schedule is constant",
            ],
        ),
    ],
)
def test_typed_settings_of_what_was_not_chosen_are_said_to_have_no_effect(words, said):
    words = ["--data_dir", "data", *words.split()]
    assert unused(load_config(PretrainConfig, words, prog=""), words) == said


def test_a_command_says_so_before_data_are_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert pretrain(["--data_dir", "nowhere", "--mse_weight", "2"]) == 2
    assert "note: --mse_weight without effect: --target is hog" in capsys.readouterr().err
