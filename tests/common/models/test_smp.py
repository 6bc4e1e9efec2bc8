"""Encoders of segmentation_models_pytorch: what the contract's own tests do not ask."""

import pytest
import torch
from safetensors.torch import save_file
from segmentation_models_pytorch import encoders

from common.errors import UserError
from common.models.smp import SMPEncoder, smp_names


def test_its_maps_are_the_librarys():
    torch.manual_seed(0)
    encoder = SMPEncoder(encoder="resnet34").eval()
    image = torch.rand(1, 3, 64, 64)
    theirs = encoder.network((image - encoder.mean) / encoder.std)[1:]
    assert all(torch.equal(ours, their) for ours, their in zip(encoder(image), theirs, strict=True))


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"no encoder called .resnet43.; did you mean resnet34"):
        SMPEncoder(encoder="resnet43")


def test_weights_come_from_a_file_whole_or_not_at_all(tmp_path):
    torch.manual_seed(0)
    donor, encoder = SMPEncoder(encoder="resnet18"), SMPEncoder(encoder="resnet18")
    torch.save(donor.network.state_dict(), tmp_path / "resnet18.pth")
    assert encoder.load_pretrained(tmp_path / "resnet18.pth").tensors == len(donor.network.state_dict())
    assert torch.equal(encoder.network.conv1.weight, donor.network.conv1.weight)
    state = donor.network.state_dict()
    del state["conv1.weight"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(UserError, match=r"missing: 1 \(conv1.weight\)"):
        encoder.load_pretrained(tmp_path / "part.pth")


@pytest.mark.parametrize("channels", [1, 4])
def test_weights_for_three_channels_are_refitted_in_the_first_layer_alone(channels, tmp_path):
    torch.manual_seed(0)
    donor, encoder = SMPEncoder(encoder="resnet18"), SMPEncoder(encoder="resnet18", in_channels=channels)
    torch.save(donor.network.state_dict(), tmp_path / "resnet18.pth")
    assert encoder.load_pretrained(tmp_path / "resnet18.pth").tensors == len(donor.network.state_dict())
    theirs = donor.network.state_dict()
    changed = [name for name, value in encoder.network.state_dict().items() if not torch.equal(value, theirs[name])]
    assert changed == ["conv1.weight"]
    grey = torch.rand(1, 1, 64, 64)
    ours = encoder.eval().network.conv1(grey.expand(-1, channels, -1, -1))
    same = donor.eval().network.conv1(grey.expand(-1, 3, -1, -1))
    if channels == 1:
        torch.testing.assert_close(ours, same, rtol=1e-4, atol=1e-5)
    weight = theirs["conv1.weight"]
    expected = weight.sum(1, keepdim=True) if channels == 1 else weight[:, [0, 1, 2, 0]] * 0.75
    torch.testing.assert_close(encoder.network.conv1.weight, expected)


def test_a_dilated_encoder_keeps_the_last_map_of_its_coarsest_stride():
    encoder = SMPEncoder(encoder="resnet18", output_stride=16)
    assert encoder.strides == (2, 4, 8, 16)
    assert encoder.channels == (64, 64, 128, 512)


def test_asking_for_the_levels_leaves_the_encoder_as_it_was():
    encoder = SMPEncoder(encoder="resnet18")
    encoder.network.layer4.requires_grad_(False)
    encoder.network.bn1.eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder.levels()
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert not any(parameter.requires_grad for parameter in encoder.network.layer4.parameters())
    assert encoder.network.conv1.weight.requires_grad
    assert not encoder.network.bn1.training
    assert encoder.network.layer1.training


def test_the_stages_of_a_resnet_are_found():
    encoder = SMPEncoder(encoder="resnet18")
    stages = {id(layer): name.split(".")[0] for name, layer in encoder.network.named_modules()}
    found = [{stages[id(layer)] for layer in level} for level in encoder.levels()]
    assert found == [{"conv1", "bn1"}, {"layer1"}, {"layer2"}, {"layer3"}, {"layer4"}]


def test_files_with_a_classifier_and_safetensors_files_are_read_too(tmp_path):
    torch.manual_seed(0)
    donor, encoder = SMPEncoder(encoder="resnet18"), SMPEncoder(encoder="resnet18")
    state = donor.network.state_dict()
    torch.save({**state, "fc.weight": torch.zeros(3, 512), "fc.bias": torch.zeros(3)}, tmp_path / "whole.pth")
    assert encoder.load_pretrained(tmp_path / "whole.pth").tensors == len(state)
    assert torch.equal(encoder.network.conv1.weight, donor.network.conv1.weight)
    save_file(state, tmp_path / "model.safetensors")
    assert SMPEncoder(encoder="resnet18").load_pretrained(tmp_path / "model.safetensors").tensors == len(state)
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot read"):
        encoder.load_pretrained(tmp_path / "broken.safetensors")


def test_weights_in_the_cache_of_the_hub_are_taken_with_their_statistics_and_without_the_hub(hub):
    torch.manual_seed(0)
    donor, encoder = SMPEncoder(encoder="resnet18").network, SMPEncoder(encoder="resnet18")
    published = encoders.encoders["resnet18"]["pretrained_settings"]["imagenet"]
    folder = hub / f"models--{published['repo_id'].replace('/', '--')}/snapshots/{published['revision']}"
    folder.mkdir(parents=True)
    save_file(donor.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text('{"mean": [0.5, 0.25, 0.5], "std": [0.25, 0.5, 0.25], "input_range": [0, 1]}')
    given = encoder.load_pretrained(None)
    assert (given.imagenet, given.tensors) == (True, 120)
    assert torch.equal(encoder.network.conv1.weight, donor.conv1.weight)
    assert encoder.mean.flatten().tolist() == [0.5, 0.25, 0.5]


@pytest.mark.usefixtures("hub")
def test_a_hub_that_does_not_answer_is_not_asked_again_and_again(monkeypatch):
    monkeypatch.setattr(encoders, "hf_hub_download", None)
    with pytest.raises(UserError, match=r"cannot get ImageNet weights of resnet18 .* --encoder_weights_path"):
        SMPEncoder(encoder="resnet18").load_pretrained(None)


def test_an_encoder_that_cannot_be_dilated_says_so():
    with pytest.raises(UserError, match="vgg11 has no form of stride 16"):
        SMPEncoder(encoder="vgg11", output_stride=16)


@pytest.mark.parametrize("name", ["vgg11", "mit_b0", "densenet121"])
def test_encoders_of_other_designs_keep_the_contract(name):
    assert name in smp_names()
    torch.manual_seed(0)
    encoder = SMPEncoder(encoder=name).eval()
    found = encoder(torch.rand(1, 3, 64, 64))
    promised = [(1, c, 64 // s, 64 // s) for c, s in zip(encoder.channels, encoder.strides, strict=True)]
    assert [tuple(features.shape) for features in found] == promised
