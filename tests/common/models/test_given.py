"""Weights of other programs: under what wraps them, behind a prefix, or refused by their names."""

import pytest
import torch
from torch import nn

from common.errors import UserError
from common.models.encoder import Encoder
from common.models.given import load_given
from common.models.mobilenet import MobileNetV2Encoder
from common.models.smp import SMPEncoder


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)


def renamed(prefix: str, state: dict) -> dict:
    return {prefix + name: tensor for name, tensor in state.items()}


ADAM = [{"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]}]
WRAPPED = {
    "plain": (lambda state: state, ""),
    "DataParallel": (lambda state: renamed("module.", state), "behind the prefix module."),
    "torch.compile": (lambda state: renamed("_orig_mod.", state), "behind the prefix _orig_mod."),
    "state_dict": (lambda state: {"state_dict": state, "epoch": 3}, "in state_dict"),
    "Lightning": (
        lambda state: {
            "pytorch-lightning_version": "2.1",
            "state_dict": renamed("model.encoder.", state) | {"model.head.weight": torch.zeros(2)},
            "optimizer_states": ADAM,
            "hyper_parameters": {"lr": 0.1},
        },
        "in state_dict, behind the prefix model.encoder., 1 other tensor left out: model",
    ),
    "deep": (lambda state: {"state": {"model": renamed("net.", state)}}, "in state.model, behind the prefix net."),
    "with a classifier": (
        lambda state: {"model": renamed("module.", state | {"fc.weight": torch.zeros(1000, 4)})},
        "in model, behind the prefix module.",
    ),
    "the same twice": (lambda state: {"model": state, "best": dict(state)}, "in model"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPED)
def test_a_network_is_found_and_where_it_was_is_told(name, tmp_path):
    wrap, told = WRAPPED[name]
    torch.manual_seed(0)
    donor, net = Net(), Net()
    torch.save(wrap(donor.state_dict()), tmp_path / "weights.pth")
    loaded = load_given(net, tmp_path / "weights.pth", "net")
    assert (loaded.tensors, loaded.where) == (len(donor.state_dict()), told)
    assert loaded.origin == str(tmp_path / "weights.pth")
    assert not loaded.imagenet
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in donor.state_dict().items())


REFUSED = {
    "two networks": (
        lambda state: {"student": state, "teacher": {name: tensor + 1 for name, tensor in state.items()}},
        "more than once: .*student with the prefix '' or teacher with the prefix ''",
    ),
    "another network": (
        lambda _: {"stem.weight": torch.zeros(2), "blocks.0.weight": torch.zeros(2)},
        r"holds no tensor of net: its names are stem\.weight, blocks\.0\.weight, those of the network conv1\.weight",
    ),
    "a part": (
        lambda state: renamed("module.", {n: t for n, t in state.items() if n.startswith("conv1")}),
        r"\(behind the prefix module\.\) do not fit .* missing: 5 \(bn1\.bias",
    ),
    "another shape": (
        lambda state: {"state_dict": renamed("encoder.", state | {"conv1.bias": torch.zeros(9)})},
        r"\(in state_dict, behind the prefix encoder\.\) .* wrong shape: 1 \(conv1\.bias 9 not 4\)",
    ),
    "no tensors": (lambda _: {"epoch": 3, "state_dict": {}}, "not a file of weights"),
    "a list": (lambda state: [state], "not a file of weights"),
    "ours": (lambda state: {"format": "recon2seg", "sections": {"encoder": state}}, "--pretrained_encoder"),
    "not finite": (
        lambda state: renamed("module.", state | {"conv1.bias": torch.full((4,), torch.nan)}),
        "not finite",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_by_its_prefix_or_its_names(name, tmp_path):
    wrap, said = REFUSED[name]
    net = Net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    torch.save(wrap(Net().state_dict()), tmp_path / "weights.pth")
    with pytest.raises(UserError, match=said):
        load_given(net, tmp_path / "weights.pth", "net")
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


class Settings:
    """An object that a checkpoint of another program may hold."""


def test_a_checkpoint_with_an_object_of_its_program_is_refused_by_the_objects_name(tmp_path):
    torch.save({"state_dict": Net().state_dict(), "settings": Settings()}, tmp_path / "checkpoint.ckpt")
    with pytest.raises(UserError, match=r"it holds [\w.]*test_given\.Settings, and no code"):
        load_given(Net(), tmp_path / "checkpoint.ckpt", "net")


def test_no_file_is_refused_by_its_flag(tmp_path):
    with pytest.raises(UserError, match=r"no file of weights at .*absent\.pth: check --encoder_weights_path"):
        MobileNetV2Encoder().load_pretrained(tmp_path / "absent.pth")


@pytest.mark.parametrize(
    "make", [lambda: MobileNetV2Encoder(), lambda: SMPEncoder(encoder="resnet18")], ids=["mobilenet_v2", "resnet18"]
)
def test_an_encoder_is_found_inside_a_unet_of_the_library(make, tmp_path):
    import segmentation_models_pytorch as smp

    encoder: Encoder = make()
    name = encoder.architecture().get("encoder", "mobilenet_v2")
    torch.manual_seed(0)
    unet = smp.Unet(name, encoder_weights=None, decoder_channels=(8, 8, 4, 4, 4))
    torch.save({"state_dict": renamed("module.", unet.state_dict())}, tmp_path / "unet.pth")
    loaded = encoder.load_pretrained(tmp_path / "unet.pth")
    assert loaded.where.startswith("in state_dict, behind the prefix module.encoder., ")
    assert loaded.tensors == len(unet.encoder.state_dict())


def test_a_mobilenet_of_ones_own_is_not_taken_for_imagenets(tmp_path):
    from torchvision.models import mobilenet_v2

    torch.save(mobilenet_v2(weights=None).state_dict(), tmp_path / "mine.pth")
    loaded = MobileNetV2Encoder().load_pretrained(tmp_path / "mine.pth")
    assert loaded == (312, str(tmp_path / "mine.pth"), "", None)
    assert not loaded.imagenet
