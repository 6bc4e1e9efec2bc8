"""Settings of phase 1 that exclude each other, and words of version 0.1.0."""

import pytest

from common.config.load import load_config
from common.errors import UserError
from pretrain.config import PretrainConfig
from pretrain.losses.registry import PseudoMaskSettings

ALONE = ["--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0"]


def load(*words):
    return load_config(PretrainConfig, words, prog="")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--image_size 64 --patch_size 7", "--patch_size 7 does not divide --image_size 64.*--patch_size 8"),
        ("--image_size 64 --patch_size 64", "--patch_size 32"),
        ("--pretext restore --inpaint 0.6 --outpaint 0.5", "at most 1"),
        ("--widths 8 8 --dropout 0 0 --decoder_stride 2", "--decoder_stride 2 .* has stride 2, and it must stop below"),
        ("--pretext maks", "did you mean mask?"),
        ("--target hogs", "did you mean hog?"),
        ("--channels 1 --target features", "needs 3 channels, and --channels is 1: set --target hog"),
        ("--channels 1 --perceptual_weight 1", "set --perceptual_weight 0"),
        ("--perceptual_init own", "--perceptual_weights_path"),
        ("--teacher resnet18", "--teacher_weights belong to --target features"),
        ("--target hog --teacher_weights w.pth", "--teacher_weights belong to --target features"),
        (" ".join(ALONE), "all loss weights are 0"),
        (
            "--encoder mobilenet_v2 --widths 8 8 --dropout 0 0",
            "mobilenet_v2 does not have .* --widths, --dropout: leave",
        ),
        ("--encoder resnet18 --norm instance --down max_pool", "resnet18 does not have the settings --norm, --down"),
        ("--encoder mobilenet_v2 --encoder_stride 16", "does not have the settings --encoder_stride"),
        ("--encoder mobilenet_v2 --hidden_at every_level", "needs the encoder unet, and --encoder is mobilenet_v2"),
        ("--encoder resnet18 --encoder_stride 8 --decoder_stride 8", "coarsest map of --encoder resnet18 has stride 8"),
        ("--encoder_weights_path w.pth", "w.pth is not used: --encoder unet begins with random weights"),
        ("--encoder resnet18 --encoder_weights none --encoder_weights_path w.pth", "resnet18 begins with random"),
        ("--encoder resnet18 --encoder_weights_path w.pth --start_from runs/ae", "both name weights"),
    ],
)
def test_settings_that_cannot_be_are_refused(words, said):
    with pytest.raises(UserError, match=said):
        load(*words.split())


def test_settings_of_other_pretexts_do_not_matter():
    load("--pretext", "plain", "--patch_size", "7", "--inpaint", "0.6", "--outpaint", "0.5")
    load()


def test_a_file_may_have_settings_of_the_unet_where_a_flag_names_another_encoder(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("widths: [4, 4]\ndropout: [0, 0]\nnorm: instance\nlr: 0.5\n")
    other, unet = load("--config", str(file), "--encoder", "resnet18"), load("--config", str(file), "--encoder", "unet")
    assert (other.model, unet.model.widths) == (PretrainConfig().model, (4, 4))
    assert other.training.lr == unet.training.lr == 0.5
    file.write_text("widths: [4, 4]\ndropout: [0, 0]\nencoder: resnet18\n")
    with pytest.raises(UserError, match="resnet18 does not have the settings --widths, --dropout"):
        load("--config", str(file))


@pytest.mark.parametrize("weight", ["--pseudo_mask_weight", "--contrast_weight"])
def test_a_side_objective_alone_is_enough(weight):
    config = load(*ALONE, weight, "1", "--jitter", "0.1")
    assert not config.regresses
    assert len(config.side) == 1


def test_flags_of_version_0_1_0_set_the_pseudo_masks(capsys):
    config = load(
        "--saliency_weight", "0.5", "--saliency_size", "64", "--saliency_from", "start_from", "--start_from", "."
    )
    assert config.settings(PseudoMaskSettings) == PseudoMaskSettings(0.5, 64, "start_from")
    assert "note: --saliency_weight is now --pseudo_mask_weight" in capsys.readouterr().err
