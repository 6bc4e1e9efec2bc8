"""Bad input: one sentence, exit code 2, and nothing is written."""

import resource
import signal

import torch
from datasets import write_images_masks
from run_checks import refusal
from tiny import PRETRAIN, SYNTHETIC

from common.doctor.__main__ import main as doctor
from common.run.hold import hold
from pretrain.evaluate.__main__ import main as look
from pretrain.main import main as pretrain
from transfer.analyze.__main__ import main as analyze
from transfer.compare.__main__ import main as compare
from transfer.evaluate.__main__ import main as evaluate
from transfer.gradcam.__main__ import main as gradcam
from transfer.main import main as transfer
from transfer.predict.__main__ import main as predict


def test_bad_input_is_refused_in_one_sentence_before_anything_is_written(tmp_path, capsys, ae):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    write_images_masks(tmp_path / "data")
    (tmp_path / "broken.pth").write_bytes(b"no checkpoint")
    data = ["--data_dir", "data", "--output_dir", "out"]
    cases = [
        (pretrain, ["--data_dir", "nowhere"], "nowhere"),
        (pretrain, ["--data_dir", "empty"], "empty"),
        (pretrain, ["--data_dir", "data", "--output_dir", "file"], "a file is in the way"),
        (pretrain, ["--data_dir", "data", "--image_size", 65], "64"),
        (pretrain, ["--data_dir", "data", "--image_size", 32], "64"),
        (pretrain, [*data, "--perceptual_weight", "1", "--perceptual_weights_path", "nowhere.pth"], "nowhere.pth"),
        (transfer, [*data, "--pretrained_encoder", "nowhere.pth"], "nowhere.pth"),
        (transfer, [*data, "--pretrained_encoder", "broken.pth"], "broken.pth"),
        (transfer, [*data, "--pretrained_encoder", ae / "last.pth"], "not a handover file"),
        (transfer, [*data, "--transfer", "encoder+decoder"], "--pretrained_encoder"),
        (transfer, [*data, "--label_fraction", "0.01"], "training images is too little: two are needed"),
        (
            transfer,
            [*data, "--transfer", "encoder+decoder", "--pretrained_encoder", ae, "--decoder_widths", 8, 8, 8, 8, 8],
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
        (
            transfer,
            [*data, "--decoder_widths", 3, 4],
            "decoder_widths has 2 numbers (3 4), and the network has 5 steps there",
        ),
        (evaluate, ["--model_path", ae / "ae.pth"], "is a file of phase 1; give the best.pth of transfer.main"),
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


def test_settings_of_phase_1_that_exclude_each_other_are_refused(capsys):
    cases = [
        (["--monitor", "probe/miou"], "--probe_dir"),
        (["--pretext", "mask", "--patch_size", "7"], "--patch_size 8"),
        (["--pretext", "restore", "--inpaint", "0.6", "--outpaint", "0.6"], "at most 1"),
    ]
    for words, said in cases:
        assert said in refusal(pretrain, [*PRETRAIN, *SYNTHETIC, *words], capsys), words


def test_no_two_commands_write_one_folder(ae, seg, capsys, tmp_path):
    write_images_masks(tmp_path / "data")
    cases = [
        (pretrain, [*PRETRAIN, *SYNTHETIC, "--output_dir"]),
        (transfer, [*PRETRAIN[:9], *SYNTHETIC, "--output_dir"]),
        (look, ["--model_path", ae, "--output_dir"]),
        (evaluate, ["--model_path", seg, "--output_dir"]),
        (predict, ["--model_path", seg, "--input", "data/images", "--output"]),
        (gradcam, ["--model_path", seg, "--input", "data/images", "--output"]),
        (compare, [seg, seg, "--output"]),
        (analyze, ["--data_dir", "data", "--output"]),
        (doctor, ["--data_dir", "data", "--output_dir"]),
    ]
    with hold(tmp_path / "out"):
        for command, words in cases:
            assert "out is in use by process" in refusal(command, [*words, "out"], capsys)


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
