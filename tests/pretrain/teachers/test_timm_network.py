"""Networks of timm as teachers: their maps against those that timm gives otherwise, their weights and labels."""

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from segmentation_models_pytorch.encoders import get_encoder
from timm_networks import network, saved
from torch.nn import functional as F

from common.errors import UserError
from common.run.label_use import TeacherRecord
from common.run.plain_data import from_dict, to_dict
from pretrain.targets.features import FeatureTarget
from pretrain.targets.registry import LossConfig
from pretrain.teachers.timm_network import TimmTeacher, published_record


def image(count=2, side=64):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3))


def normalised(large, name):
    known = timm.get_pretrained_cfg(name.replace("tiny_patch14", "test_vit"))
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (known.mean, known.std))
    return (large - mean) / std


@torch.no_grad()
@pytest.mark.parametrize("name", ["test_convnext", "test_resnet", "test_efficientnet"])
def test_a_convolutional_teacher_gives_timms_maps_of_strides_16_and_32_of_the_doubled_picture(name, tmp_path):
    theirs = network(name)
    teacher = TimmTeacher(name, saved(theirs.state_dict(), tmp_path / "w.pth"))
    features = timm.create_model(name, features_only=True, out_indices=(-2, -1)).eval()
    features.load_state_dict(dict(zip(features.state_dict(), _shared(theirs, features), strict=True)))
    x = normalised(F.interpolate(image(), (128, 128), mode="bilinear"), name)
    ours, wanted = teacher.maps(image()), features(x)
    assert [maps.shape[-1] for maps in ours] == [8, 4]
    for found, expected in zip(ours, wanted, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * expected.abs().max().item())


def _shared(theirs, features):
    """The tensors of a network in the order of its features, which have other names for the same."""
    state = {name.replace(".", "_"): tensor for name, tensor in theirs.state_dict().items()}
    return [state[name.replace(".", "_")] for name in features.state_dict()]


@torch.no_grad()
@pytest.mark.parametrize(("name", "patch", "tokens"), [("test_vit", 16, 1), ("tiny_patch14", 14, 5)])
def test_a_transformer_gives_its_last_patch_tokens_one_for_each_cell(name, patch, tokens, tmp_path):
    theirs = network(name, dynamic_img_size=True, num_classes=0)
    teacher = TimmTeacher(name, saved(theirs.state_dict(), tmp_path / "w.safetensors"))
    (maps,) = teacher.maps(image())
    x = normalised(F.interpolate(image(), (8 * patch, 8 * patch), mode="bilinear"), name)
    sequence = theirs.forward_features(x)
    assert sequence.shape[1] == 64 + tokens
    wanted = sequence[:, tokens:].transpose(1, 2).unflatten(2, (8, 8))
    torch.testing.assert_close(maps, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["test_vit", "test_resnet"])
def test_vectors_of_cells_are_standardised_whatever_the_teacher_and_do_not_change_in_training(name, tmp_path):
    path = saved(network(name).state_dict(), tmp_path / "w.pth")
    target = FeatureTarget(LossConfig(teacher=name, teacher_weights=path), 3)
    vectors = target(image(side=96))
    assert vectors.shape == (2, target.channels, 12, 12)
    parts = vectors.split(target.lengths, dim=1)
    shares = [part.square().sum(1).mean().item() for part in parts]
    np.testing.assert_allclose(shares, target.channels / len(parts), rtol=1e-3)
    assert torch.equal(target.train()(image(side=96)), vectors)
    assert not any(parameter.requires_grad for parameter in target.parameters())


@torch.no_grad()
@pytest.mark.parametrize("prefix", ["", "module.", "model.backbone."])
def test_weights_are_found_behind_a_prefix_and_without_their_classifier(prefix, tmp_path):
    theirs = network("test_vit")
    state = {f"{prefix}{name}": tensor for name, tensor in theirs.state_dict().items()}
    teacher = TimmTeacher("test_vit", saved({"state_dict": state}, tmp_path / "w.pth"))
    assert torch.equal(teacher.network.blocks[0].attn.qkv.weight, theirs.blocks[0].attn.qkv.weight)


@torch.no_grad()
def test_weights_by_the_names_of_their_first_publisher_are_taken_too(tmp_path):
    """DINOv2's files have a token for hidden patches, and name the registers otherwise."""
    theirs = network("tiny_patch14").state_dict()
    before = {name: tensor for name, tensor in theirs.items() if name not in ("reg_token", "cls_token", "pos_embed")}
    before |= {
        "mask_token": torch.zeros(1, 64),
        "register_tokens": theirs["reg_token"],
        "cls_token": torch.ones(1, 1, 64),
    }
    before["pos_embed"] = torch.cat([torch.ones(1, 1, 64), theirs["pos_embed"]], dim=1)
    ours = TimmTeacher("tiny_patch14", saved(before, tmp_path / "dinov2_reg4.pth")).network
    assert torch.equal(ours.pos_embed, theirs["pos_embed"])
    assert torch.equal(ours.reg_token, theirs["reg_token"])
    assert torch.equal(ours.cls_token, torch.full((1, 1, 64), 2.0))


@torch.no_grad()
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_by_the_names_of_efficientnet_pytorch_give_the_maps_that_another_library_makes_of_them(
    prefix, tmp_path
):
    torch.manual_seed(2)
    theirs = get_encoder("efficientnet-b0", weights=None).eval()
    for part in theirs.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    state = {f"{prefix}{name}": tensor for name, tensor in theirs.state_dict().items()} | {
        f"{prefix}_fc.bias": torch.ones(9)
    }
    teacher = TimmTeacher("tf_efficientnet_b0", saved(state, tmp_path / "w.pth"))
    x = normalised(F.interpolate(image(), (128, 128), mode="bilinear"), "tf_efficientnet_b0")
    wanted = theirs(x)[-1]
    torch.testing.assert_close(teacher.maps(image())[-1], wanted, rtol=0, atol=1e-5 * wanted.abs().max().item())
    with pytest.raises(UserError, match="no tensor of efficientnet_b0"):  # which pads otherwise
        TimmTeacher("efficientnet_b0", tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("name", "labels", "licence"),
    [
        ("vit_small_patch14_dinov2.lvd142m", "none", "apache-2.0"),
        ("vit_small_patch16_dinov3.lvd1689m", "none", "dinov3-license"),
        ("convnext_tiny.dinov3_lvd1689m", "none", "dinov3-license"),
        ("vit_base_patch16_224.mae", "none", "cc-by-nc-4.0"),
        ("convnextv2_atto.fcmae_ft_in1k", "ImageNet", "cc-by-nc-4.0"),
        ("resnet18.tv_in1k", "ImageNet", "bsd-3-clause"),
        ("vit_small_patch16_224.augreg_in21k", "ImageNet", "apache-2.0"),
        ("vit_base_patch32_clip_224.openai", "unknown", "apache-2.0"),
        ("eva02_tiny_patch14_224.mim_in22k", "unknown", "mit"),
    ],
)
def test_the_record_says_whose_labels_taught_published_weights_and_their_licence(name, labels, licence):
    record = published_record(name, timm.get_pretrained_cfg(name).to_dict())
    assert (record.uses_imagenet_labels, record.unknown_labels) == (labels == "ImageNet", labels == "unknown")
    assert record.licence == licence
    assert from_dict(TeacherRecord, json.loads(json.dumps(to_dict(record))), source=Path()) == record


def test_a_file_of_weights_does_not_say_whose_labels_taught_it(tmp_path):
    path = saved(network("test_vit").state_dict(), tmp_path / "w.pth")
    record = TimmTeacher("test_vit", path).record
    assert record.unknown_labels
    assert record.told == f"test_vit ({path}), licence unknown"


@torch.no_grad()
def test_weights_in_the_cache_of_the_hub_are_taken_without_it(hub):
    theirs = network("test_resnet")
    folder = hub / "models--timm--test_resnet.r160_in1k"
    (folder / "refs").mkdir(parents=True)
    (folder / "snapshots/abc").mkdir(parents=True)
    (folder / "refs/main").write_text("abc")
    saved(theirs.state_dict(), folder / "snapshots/abc/model.safetensors")
    teacher = TimmTeacher("test_resnet", None)
    assert torch.equal(teacher.network.layer1[0].conv1.weight, theirs.layer1[0].conv1.weight)
    assert teacher.record.told == "test_resnet (r160_in1k), apache-2.0"
    assert teacher.record.uses_imagenet_labels


@pytest.mark.usefixtures("hub")
def test_weights_that_cannot_be_had_are_refused_with_their_address_and_the_flag_of_a_file():
    with pytest.raises(UserError, match=r"teacher test_vit .*fetch http.*timm/test_vit.*--teacher_weights"):
        TimmTeacher("test_vit", None)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet18.a9_in1k", "Invalid pretrained tag .*did you mean resnet18"),
        ("gcvit_xxtiny", "publishes no weights"),
        ("test_vit_relpos", "images of its own size alone"),
    ],
)
def test_networks_that_cannot_teach_are_refused(name, told, tmp_path):
    weights = saved(network(name).state_dict(), tmp_path / "w.pth") if "own size" in told else None
    with pytest.raises(UserError, match=told):
        FeatureTarget(LossConfig(teacher=name, teacher_weights=weights), 3)


def test_weights_of_another_network_are_refused_by_their_names(tmp_path):
    path = saved(network("test_resnet").state_dict(), tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"w\.pth .*test_vit"):
        TimmTeacher("test_vit", path)
