"""Which teacher the settings mean, and what its record says of labels."""

from dataclasses import replace

import pytest
import torch
from timm_networks import network, saved
from torch.nn import functional as F
from torchvision.models import mobilenet_v2

from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.models.smp import SMPEncoder
from common.run.checkpoint import save_handover
from common.run.label_use import TeacherRecord
from common.run.records import PretrainingRecord, SegmentationRecord
from pretrain.export import export_encoder
from pretrain.model import Autoencoder
from pretrain.targets.features import FeatureTarget
from pretrain.targets.registry import LossConfig
from pretrain.teachers.find import find_teacher
from tests.records import autoencoder_handover, segmentation_handover
from transfer.model import SegmentationNet


def image(side=64):
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(3))


def parts(channels=3):
    torch.manual_seed(5)
    encoder = UNetEncoder(widths=(4, 4, 4, 4, 6, 8), in_channels=channels)
    return encoder, UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5)


def settings(teacher, **others):
    return LossConfig(teacher=str(teacher), **others)


@torch.no_grad()
def test_the_encoder_in_an_ae_pth_teaches_by_its_maps_of_strides_16_and_32(tmp_path):
    encoder, decoder = parts()
    before = TeacherRecord(name="vit_small_patch14_dinov2", weights="lvd142m", licence="apache-2.0")
    task = PretrainingRecord(pretext="plain", target="features", teacher=before, uses_labels=True)
    save_handover(autoencoder_handover(Autoencoder(encoder, decoder), task), tmp_path / "ae.pth")
    target = FeatureTarget(settings(tmp_path), 3)
    assert target.lengths == [6, 8]
    large = F.interpolate(image(), (128, 128), mode="bilinear")
    for ours, wanted in zip(target.teacher.maps(image()), encoder.eval()(large)[-2:], strict=True):
        torch.testing.assert_close(ours, wanted)
    record = target.taught_by
    assert (record.uses_labels, record.uses_imagenet_labels, record.unknown_labels) == (True, False, False)
    assert record.told == f"{tmp_path}, itself taught by vit_small_patch14_dinov2 (lvd142m), apache-2.0"


def test_masks_that_taught_a_segmentation_network_are_counted_and_its_images_known(tmp_path):
    net = SegmentationNet(*parts(), num_classes=2)
    handover = segmentation_handover(net, SegmentationRecord(("background", "pet")))
    origin = replace(handover.provenance, train_images=("a", "b"), earlier_images=("c",), photographs=("d",))
    path = tmp_path / "best.pth"
    save_handover(replace(handover, provenance=origin), path)
    teacher = find_teacher(settings(path), 3)
    assert teacher.record.earlier_masks == 2
    assert teacher.train_images == ("a", "b", "c", "d")


@torch.no_grad()
def test_an_exported_encoder_teaches_by_what_its_file_says(tmp_path):
    encoder, decoder = parts()
    task = PretrainingRecord(pretext="plain", uses_imagenet_labels=True, unknown_labels=True)
    handover = autoencoder_handover(Autoencoder(encoder, decoder), task)
    path = tmp_path / "encoder.safetensors"
    export_encoder(replace(handover, provenance=replace(handover.provenance, train_images=("a",))), path)
    teacher = find_teacher(settings(path), 3)
    large = F.interpolate(image(), (128, 128), mode="bilinear")
    for ours, wanted in zip(teacher.maps(image()), encoder.eval()(large)[-2:], strict=True):
        torch.testing.assert_close(ours, wanted)
    assert teacher.record.uses_imagenet_labels
    assert teacher.record.unknown_labels
    assert (teacher.record.told, teacher.train_images) == (str(path), ("a",))
    for other in (saved({"a": torch.ones(1)}, tmp_path / "other.safetensors"), tmp_path / "nowhere.safetensors"):
        with pytest.raises(
            UserError, match=r"name that with --teacher, and give it with --teacher_weights|no such file"
        ):
            find_teacher(settings(other), 3)


def test_labels_are_known_of_exported_weights_of_a_network_by_its_name(tmp_path):
    torch.manual_seed(1)
    encoder = SMPEncoder(encoder="resnet18")
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5, dropout=(0.0,) * 5)
    task = PretrainingRecord(pretext="plain", uses_labels=True)
    export_encoder(autoencoder_handover(Autoencoder(encoder, decoder), task), tmp_path / "e.safetensors")
    record = find_teacher(settings("resnet18", teacher_weights=tmp_path / "e.safetensors"), 3).record
    assert (record.uses_labels, record.unknown_labels, record.licence) == (True, False, "")


@torch.no_grad()
def test_mobilenet_takes_weights_of_ones_own_behind_a_prefix(tmp_path):
    torch.manual_seed(1)
    theirs = mobilenet_v2(weights=None).eval()
    state = {f"module.{name}": tensor for name, tensor in theirs.state_dict().items()}
    teacher = find_teacher(settings("mobilenet_v2", teacher_weights=saved(state, tmp_path / "w.pth")), 3)
    x = (F.interpolate(image(), (128, 128), mode="bilinear") - teacher.network.mean) / teacher.network.std
    wanted = theirs.features[:18](x)
    torch.testing.assert_close(teacher.maps(image())[1], wanted, rtol=0, atol=1e-5 * wanted.abs().max().item())
    assert teacher.record.unknown_labels


@torch.no_grad()
def test_an_encoder_that_only_segmentation_models_pytorch_has_teaches_by_its_last_two_maps(tmp_path):
    torch.manual_seed(1)
    theirs = SMPEncoder(encoder="mit_b0").eval()
    path = saved(theirs.network.state_dict(), tmp_path / "w.pth")
    teacher = find_teacher(settings("mit_b0", teacher_weights=path), 3)
    for ours, wanted in zip(
        teacher.maps(image()), theirs(F.interpolate(image(), (128, 128), mode="bilinear"))[-2:], strict=True
    ):
        torch.testing.assert_close(ours, wanted)
    assert teacher.record.unknown_labels


@pytest.mark.parametrize("prefix", ["tu-", "timm-"])
def test_names_of_timm_are_taken_with_the_prefixes_of_segmentation_models_pytorch_too(prefix, tmp_path):
    path = saved(network("test_resnet").state_dict(), tmp_path / "w.pth")
    assert find_teacher(settings(f"{prefix}test_resnet", teacher_weights=path), 3).record.name == "test_resnet"


def test_a_teacher_of_other_channels_is_refused(tmp_path):
    handover = autoencoder_handover(Autoencoder(*parts(1), out_channels=1), PretrainingRecord(pretext="plain"))
    path = tmp_path / "ae.pth"
    save_handover(replace(handover, input=replace(handover.input, channels=1)), path)
    assert find_teacher(settings(path), 1).in_channels == 1
    with pytest.raises(UserError, match=r"takes images of 1 channels, and --channels is 3"):
        find_teacher(settings(path), 3)
    with pytest.raises(UserError, match=r"takes images of 3 channels, and --channels is 1"):
        find_teacher(
            settings("test_vit", teacher_weights=saved(network("test_vit").state_dict(), tmp_path / "w.pth")), 1
        )


@pytest.mark.parametrize(
    ("teacher", "told"),
    [
        ("resnet81", "there is no such network, and no such file; did you mean"),
        ("nowhere.pth", "cannot read nowhere.pth"),
        ("some/run", "cannot read some/run"),
    ],
)
def test_a_word_that_means_nothing_is_refused(teacher, told):
    with pytest.raises(UserError, match=told):
        find_teacher(settings(teacher), 3)


def test_weights_belong_to_a_network_by_its_name(tmp_path):
    path = saved({}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="brings its own weights: leave --teacher_weights out"):
        find_teacher(settings("ae.pth", teacher_weights=path), 3)
    with pytest.raises(UserError, match=r"no file of weights at .*check --teacher_weights"):
        find_teacher(settings("test_vit", teacher_weights=tmp_path / "nowhere.pth"), 3)
    save_handover(autoencoder_handover(Autoencoder(*parts()), PretrainingRecord(pretext="plain")), path)
    with pytest.raises(UserError, match=r"is a file of this program: give it with --teacher$"):
        find_teacher(settings("test_vit", teacher_weights=path), 3)
