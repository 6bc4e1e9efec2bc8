"""Encoders of other programs: which one a file holds, where it lies there, and what is refused."""

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2, resnet18

from common.config.encoder import NamedEncoderConfig
from common.config.groups import UNetConfig
from common.errors import UserError
from common.models import recognised as module
from common.models.rebuild import planned
from common.models.recognised import of_another_program, recognised, recognised_encoder
from common.models.smp import SMPEncoder, smp_names

FEW = ("resnet18", "resnet34", "mobilenet_v2", "mit_b0")


@pytest.fixture(autouse=True)
def _few_names(monkeypatch):
    """All names take seconds."""
    monkeypatch.setattr(module, "smp_names", lambda: FEW)


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    return resnet18(weights=None).state_dict()


def behind(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}


def other(state):
    return {name: tensor + 1 for name, tensor in state.items()}


def by_numbers(network):
    return nn.Sequential(*list(network.children())[:-1]).state_dict()


def without_head(state):
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}


MADE = {
    "torchvision or timm": (lambda s: s, ""),
    "DataParallel": (lambda s: behind("module.", s), ", behind the prefix module."),
    "MoCo": (
        lambda s: {
            "epoch": 200,
            "arch": "resnet18",
            "state_dict": behind("module.encoder_q.", s)
            | behind("module.encoder_k.", other(s))
            | {"module.queue": torch.zeros(128, 64)},
        },
        ", in state_dict, behind the prefix module.encoder_q., 123 other tensors left out: module",
    ),
    "MoCo v3": (
        lambda s: {
            "state_dict": behind("module.base_encoder.", s) | behind("module.momentum_encoder.", other(s)),
        },
        ", in state_dict, behind the prefix module.base_encoder., 122 other tensors left out: module",
    ),
    "lightly in Lightning": (
        lambda s: {
            "state_dict": behind("backbone.", by_numbers(_filled(s)))
            | behind("backbone_momentum.", other(by_numbers(_filled(s))))
            | {"projection_head.layers.0.weight": torch.zeros(2, 2)},
            "pytorch-lightning_version": "2.1",
        },
        ", in state_dict, behind the prefix backbone., its layers by their numbers, 121 other tensors left out: "
        "backbone_momentum, projection_head",
    ),
    "before torch 0.4.1": (lambda s: {n: t for n, t in s.items() if not n.endswith("num_batches_tracked")}, ""),
}  # fmt: skip


def _filled(state):
    network = resnet18(weights=None)
    network.load_state_dict(state)
    return network


def taken(path, name=None, channels=3):
    return recognised_encoder(path, NamedEncoderConfig(encoder=name), UNetConfig(), channels)


@pytest.mark.parametrize("name", [None, "resnet18"])
@pytest.mark.parametrize("program", MADE)
def test_an_encoder_is_recognised_loaded_whole_and_where_it_was_is_told(program, name, state, tmp_path):
    make, told = MADE[program]
    torch.save(make(state), tmp_path / "other.pth")
    assert of_another_program(tmp_path / "other.pth")
    encoder, begun = taken(tmp_path / "other.pth", name)
    assert isinstance(encoder, SMPEncoder)
    assert (encoder.word, begun.source) == ("resnet18", f"{tmp_path / 'other.pth'} (resnet18{told})")
    assert begun.loaded == len(without_head(state))
    assert (begun.uses_imagenet_labels, begun.unknown_labels) == (False, True)
    theirs = without_head(state)
    assert all(torch.equal(value, theirs[n]) for n, value in encoder.network.state_dict().items() if "tracked" not in n)


def test_a_mobilenet_is_torchvisions_and_a_transformer_is_found_though_it_is_heavy(tmp_path):
    torch.manual_seed(0)
    torch.save({"model": mobilenet_v2(weights=None).state_dict()}, tmp_path / "mobile.pth")
    encoder, begun = taken(tmp_path / "mobile.pth")
    assert (encoder.architecture()["name"], begun.loaded) == ("mobilenet_v2", 312)
    assert recognised(SMPEncoder(encoder="mit_b0").network.state_dict(), tmp_path) == "mit_b0"


def test_images_of_other_channels_refit_the_first_layer(state, tmp_path):
    torch.save(state, tmp_path / "rgb.pth")
    encoder, begun = taken(tmp_path / "rgb.pth", channels=1)
    assert len(encoder.mean) == 1
    assert begun.source.endswith("(resnet18, its first layer refitted from 3 channels to 1)")


REFUSED = {
    "another name": (lambda s: behind("module.", s), "resnet34", "holds resnet18, and --encoder is resnet34: give"),
    "a network nobody knows": (
        lambda _: {"stem.weight": torch.zeros(2), "blocks.0.weight": torch.zeros(2)},
        None,
        r"no known encoder has its tensors \(stem\.weight, blocks\.0\.weight\): name the encoder with --encoder",
    ),
    "two of them": (
        lambda s: {"a": s, "b": mobilenet_v2(weights=None).state_dict()},
        None,
        "holds resnet18 and mobilenet_v2: name the one that is meant with --encoder",
    ),
    "the same twice": (lambda s: {"a": s, "b": other(s)}, None, "holds resnet18 more than once: save one of them"),
    "a tensor too many": (
        lambda s: s | {"layer5.weight": torch.zeros(2)},
        "resnet18",
        r"do not fit this network of 120 tensors: unexpected: 1 \(layer5\.weight\)",
    ),
    "a tensor too few": (
        lambda s: {n: t for n, t in s.items() if n != "layer1.0.conv1.weight"},
        "resnet18",
        r"missing: 1 \(layer1\.0\.conv1\.weight\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_known_encoder_is_refused_with_what_to_type(name, state, tmp_path):
    make, typed, said = REFUSED[name]
    torch.save(make(state), tmp_path / "other.pth")
    with pytest.raises(UserError, match=said):
        taken(tmp_path / "other.pth", typed)


def test_files_of_this_program_and_files_without_tensors_are_not_another_programs(state, tmp_path):
    for content in (
        {"format": "recon2seg", "sections": {"encoder": state}},
        {"state": state, "progress": {}},
        {"a": 1},
    ):
        torch.save(content, tmp_path / "file.pth")
        assert not of_another_program(tmp_path / "file.pth")


@pytest.mark.slow
def test_no_two_encoders_of_the_library_have_the_same_tensors():
    seen = {}
    for name in smp_names():
        if name.startswith("mit_"):
            continue  # they differ in widths and depths, and take memory
        network = planned(lambda name=name: module.bare_network(name, 3), name)
        tensors = tuple(sorted((key, tuple(value.shape)) for key, value in network.state_dict().items()))
        assert tensors not in seen, (name, seen[tensors])
        seen[tensors] = name


def test_a_file_of_few_tensors_is_refused_before_any_encoder_is_planned(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_networks", lambda _: pytest.fail("an encoder was planned"))
    with pytest.raises(UserError, match=r"no known encoder has its tensors \(weight, bias\)"):
        recognised({"weight": torch.zeros(3), "bias": torch.zeros(3)}, tmp_path)
