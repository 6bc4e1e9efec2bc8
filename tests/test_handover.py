"""What phase 1 learnt is what phase 2 starts from: the same maps, bit for bit, or a refusal."""

from dataclasses import replace

import pytest
import torch

from common.config.load import load_config
from common.errors import UserError
from common.models.blocks import Norm
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import load_handover, save_handover
from common.run.records import PretrainingRecord
from pretrain.model import Autoencoder
from tests.records import autoencoder_handover
from tests.run_checks import same
from transfer.build import build_network
from transfer.config import TransferConfig
from transfer.report.headline import title

PLAIN = PretrainingRecord(pretext="plain")


def write_autoencoder(
    path, *, norm: Norm = "instance", part="encoder", drop=None, extra=None, stop=1, side=(), task=PLAIN
):
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 4, 6, 6, 8, 8), norm=norm)
    dropout = (0.1,) * (5 - stop.bit_length() + 1)
    decoder = UNetDecoder(encoder.channels, encoder.strides, norm=norm, stop=stop, dropout=dropout)
    model = Autoencoder(encoder, decoder, side=side)
    sections = model.sections()
    if drop:
        del sections[part][drop]
    if extra:
        sections[part][extra] = torch.zeros(2)
    save_handover(replace(autoencoder_handover(model, task), sections=sections), path)
    return model


def receive(path, *flags, classes=3, background: int | None = 0, by="--pretrained_encoder"):
    config = load_config(TransferConfig, [by, str(path), "--image_size", "64", *flags], prog="")
    torch.manual_seed(1)
    return build_network(config, [f"class {index}" for index in range(classes)], background)


@pytest.mark.parametrize("norm", ["instance", "batch", "group"])
def test_the_received_encoder_sees_what_the_autoencoder_saw(norm, tmp_path):
    model = write_autoencoder(tmp_path / "ae.pth", norm=norm)
    net, receipt, _ = receive(tmp_path / "ae.pth")
    image = torch.rand(2, 3, 64, 64)
    for ours, theirs in zip(net.eval().encoder(image), model.eval().encoder(image), strict=True):
        assert torch.equal(ours, theirs)
    assert receipt.loaded == receipt.tensors > 0
    assert "0 missing" in str(receipt)


@pytest.mark.parametrize(
    ("flags", "factor"),
    [
        ([], 0.3),
        (["--unlabelled_dir", "photographs"], 0.3),
        (["--unlabelled_dir", "photographs", "--transfer", "encoder+decoder"], 1.0),
        (["--unlabelled_dir", "photographs", "--encoder_lr_factor", "0.05"], 0.05),
    ],
)
def test_the_received_encoder_is_trained_at_its_own_rate_unless_another_is_named(flags, factor, tmp_path):
    write_autoencoder(tmp_path / "ae.pth")
    _, receipt, _ = receive(tmp_path / "ae.pth", *flags)
    assert receipt.lr_factor == factor


def test_beside_photographs_what_labels_taught_keeps_its_own_rate(tmp_path):
    write_autoencoder(tmp_path / "ae.pth", task=replace(PLAIN, uses_imagenet_labels=True))
    _, receipt, _ = receive(tmp_path / "ae.pth", "--unlabelled_dir", "photographs", "--transfer", "encoder+decoder")
    assert receipt.lr_factor == 0.3


def test_the_received_decoder_does_what_the_autoencoders_did(tmp_path):
    model = write_autoencoder(tmp_path / "ae.pth", norm="batch").eval()
    net, receipt, _ = receive(tmp_path / "ae.pth", "--transfer", "encoder+decoder")
    features = model.encoder(torch.rand(2, 3, 64, 64))
    assert torch.equal(net.eval().decoder(features), model.decoder(features))
    assert receipt.parts == ("encoder", "decoder")
    assert receipt.loaded == receipt.tensors
    assert "encoder and decoder from" in str(receipt)


def test_the_decoder_starts_at_random_unless_it_is_asked_for(tmp_path):
    model = write_autoencoder(tmp_path / "ae.pth", norm="batch")
    net, receipt, _ = receive(tmp_path / "ae.pth")
    ours, theirs = (decoder.state_dict()["steps.0.narrow.weight"] for decoder in (net.decoder, model.decoder))
    assert not torch.equal(ours, theirs)
    assert receipt.parts == ("encoder",)


@pytest.mark.parametrize("transfer", ["encoder", "encoder+decoder"])
def test_the_output_head_is_not_handed_over(transfer, tmp_path):
    model = write_autoencoder(tmp_path / "ae.pth")
    net, _, _ = receive(tmp_path / "ae.pth", "--transfer", transfer)
    ours, theirs = net.head.state_dict(), model.heads["image"].state_dict()
    assert not torch.equal(ours["weight"], theirs["layers.weight"])


@pytest.mark.parametrize("stop", [1, 4])
@pytest.mark.parametrize(("classes", "flags"), [(2, []), (2, ["--one_logit"]), (3, []), (5, [])])
def test_received_outlines_are_the_first_guess_of_class_0_against_all_others(stop, classes, flags, tmp_path):
    model = write_autoencoder(tmp_path / "ae.pth", norm="batch", stop=stop, side=("pseudo_mask",)).eval()
    net, receipt, _ = receive(tmp_path / "ae.pth", "--transfer", "outlines", *flags, classes=classes)
    image = torch.rand(2, 3, 64, 64)
    found = net.eval()(image).softmax(1)
    foreground = model.decode(model.encode(image))["pseudo_mask"][:, 0].sigmoid()
    torch.testing.assert_close(1 - found[:, 0], foreground)
    for k in range(1, classes):
        torch.testing.assert_close(found[:, k], foreground / (classes - 1))
    assert receipt.parts == ("encoder", "decoder")
    assert "its foreground head as initialisation of the classifier" in str(receipt)


OUTLINES = PretrainingRecord(pretext="plain", target="saliency", pseudo_mask_weight=1.0)
"""Of pseudo-masks alone, as files of older versions have it."""


@pytest.mark.parametrize(
    ("task", "said", "flags", "taken"),
    [
        (OUTLINES, {}, [], "outlines"),
        (replace(OUTLINES, best_as="encoder"), {}, [], "encoder"),
        (replace(OUTLINES, target="hog"), {}, [], "encoder"),
        (replace(PLAIN, best_as="encoder+decoder"), {}, [], "encoder+decoder"),
        (OUTLINES, {"background": None}, [], "encoder+decoder"),
        (OUTLINES, {}, ["--decoder_widths", "8", "8", "8", "8", "8"], "encoder"),
        (OUTLINES, {}, ["--decoder", "transpose"], "encoder"),
    ],
)
@pytest.mark.parametrize("by", ["--pretrained_encoder", "--like"])
def test_without_a_flag_the_parts_are_those_that_the_file_advises_as_far_as_they_fit(
    task, said, flags, taken, by, tmp_path
):
    write_autoencoder(tmp_path / "ae.pth", norm="batch", side=("pseudo_mask",), task=task)
    net, receipt, _ = receive(tmp_path / "ae.pth", *flags, by=by, **said)
    plain, asked, _ = receive(tmp_path / "ae.pth", *flags, "--transfer", taken, by=by, **said)
    assert same(net.state_dict(), plain.state_dict())
    assert (receipt.transfer, receipt.chosen, asked.chosen) == (taken, True, False)
    assert f"(--transfer auto: {taken})" in str(receipt)
    assert replace(receipt, chosen=False) == asked
    assert ("its own decoder" in title(TransferConfig(), receipt)) == (taken != "encoder")


def test_outlines_that_were_never_learnt_are_refused(tmp_path):
    write_autoencoder(tmp_path / "ae.pth")
    with pytest.raises(UserError, match="--pseudo_mask_weight"):
        receive(tmp_path / "ae.pth", "--transfer", "outlines")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"drop": "stages.0.0.weight"}, "missing.*stages.0.0.weight"),
        ({"extra": "stages.9.weight"}, "unexpected.*stages.9.weight"),
    ],
)
def test_an_encoder_that_is_not_whole_stops_the_run_and_names_the_tensors(change, said, tmp_path):
    write_autoencoder(tmp_path / "ae.pth", **change)
    with pytest.raises(UserError, match=said):
        receive(tmp_path / "ae.pth")


@pytest.mark.parametrize("wanted", ["encoder", "encoder+decoder"])
def test_a_decoder_that_is_not_whole_stops_the_run_wanted_or_not(wanted, tmp_path):
    write_autoencoder(tmp_path / "ae.pth", part="decoder", drop="steps.0.narrow.bias")
    with pytest.raises(UserError, match=r"the decoder in .* missing.*steps.0.narrow.bias"):
        receive(tmp_path / "ae.pth", "--transfer", wanted)


def test_weights_of_another_shape_are_refused(tmp_path):
    write_autoencoder(tmp_path / "ae.pth")
    file = load_handover(tmp_path / "ae.pth")
    file.architecture["encoder"]["widths"][0] = 5
    save_handover(file, tmp_path / "ae.pth")
    with pytest.raises(UserError, match="shape"):
        receive(tmp_path / "ae.pth")


def test_a_run_folder_stands_for_its_handover_file(tmp_path):
    write_autoencoder(tmp_path / "best.pth")
    assert receive(tmp_path)[1].pretrained
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"cannot read .*empty/ae\.pth"):
        receive(tmp_path / "empty")


def test_the_receipt_counts_what_is_trained(tmp_path):
    write_autoencoder(tmp_path / "ae.pth")
    net, receipt, _ = receive(tmp_path / "ae.pth", "--epochs", "5", "--freeze_epochs", "4")
    every = sum(weight.numel() for weight in net.parameters())
    assert receipt.trained_parameters == receipt.parameters == every
    net, receipt, _ = receive(tmp_path / "ae.pth", "--epochs", "5", "--freeze_epochs", "2", "--thaw_every", "2")
    never = sum(
        weight.numel() for level in net.encoder.levels()[:4] for layer in level for weight in layer.parameters()
    )
    assert receipt.trained_parameters == every - never
    net, receipt, _ = receive(tmp_path / "ae.pth", "--epochs", "5", "--freeze_epochs", "5")
    assert receipt.trained_parameters == every - sum(weight.numel() for weight in net.encoder.parameters())
