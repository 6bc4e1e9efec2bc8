"""The perceptual loss."""

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2

from common.errors import UserError
from pretrain.losses.perceptual import PerceptualLoss


def pictures(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(5)
    return torch.rand(count, 3, 32, 48, generator=source), torch.rand(count, 3, 32, 48, generator=source)


@pytest.fixture
def loss() -> PerceptualLoss:
    torch.manual_seed(0)
    return PerceptualLoss(None)


def by_hand(layers: nn.Module, ends: tuple[int, ...], got: torch.Tensor, want: torch.Tensor) -> float:
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    terms = []
    for end in ends:
        for sample in range(len(want)):
            a, b = (
                layers[:end](((x[sample].permute(1, 2, 0) - mean) / std).permute(2, 0, 1)[None]) for x in (got, want)
            )
            terms.append(((a - b) ** 2).sum() / (b**2).sum())
    return (sum(terms) / len(terms)).item()


@torch.no_grad()
def test_mobilenet_loss_equals_torchvisions_features_compared_by_hand():
    torch.manual_seed(1)
    theirs = mobilenet_v2(weights=None).eval()
    loss = PerceptualLoss(theirs.state_dict())
    assert loss(*pictures()).item() == pytest.approx(by_hand(theirs.features, (2, 4, 7, 14), *pictures()), rel=1e-4)


def test_it_is_zero_for_identical_pictures_and_positive_for_others(loss):
    image, other = pictures()
    assert loss(image, image).item() == 0
    assert loss(image, other).item() > 0


def test_a_random_network_reacts_in_every_layer(loss):
    for image, other in zip(*(loss.maps(x) for x in pictures()), strict=True):
        assert 1e-3 < image.square().mean() < 1e3
        assert (image - other).square().mean() > 0.01 * image.square().mean()


def test_it_grows_with_the_distance(loss):
    image, other = pictures()
    near, far = (loss(torch.lerp(image, other, share), image).item() for share in (0.1, 0.5))
    assert near < far


def test_the_loss_of_a_batch_is_the_mean_over_its_pictures(loss):
    image, other = pictures()
    alone = [loss(image[i : i + 1], other[i : i + 1]).item() for i in range(len(image))]
    assert loss(image, other).item() == pytest.approx(sum(alone) / len(alone), rel=1e-5)


def test_gradients_reach_the_reconstruction_alone(loss):
    image, other = (x.requires_grad_() for x in pictures())
    loss(image, other).backward()
    assert image.grad is not None
    assert image.grad.abs().max() > 0
    assert other.grad is None
    assert all(weight.grad is None for weight in loss.parameters())


def test_gradients_agree_with_finite_differences(loss):
    loss = loss.double()
    image, other = (x[:1, :, :16, :16].double() for x in pictures())
    assert torch.autograd.gradcheck(lambda x: loss(x, other), image.requires_grad_(), fast_mode=True)


def test_its_network_does_not_change_while_a_parent_trains(loss):
    parent = nn.ModuleList([loss])
    parent.train()
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    loss(*pictures())
    assert not any(part.training for part in loss.modules())
    assert all(torch.equal(value, before[name]) for name, value in loss.state_dict().items())
    assert not any(weight.requires_grad for weight in loss.parameters())


def test_the_result_is_float32_under_autocast():
    torch.manual_seed(0)
    loss = PerceptualLoss(None)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        distance = loss(*pictures())
    assert distance.dtype == torch.float32
    assert distance.item() == pytest.approx(loss(*pictures()).item(), rel=0.1)


def test_weights_that_do_not_fit_are_refused():
    state = mobilenet_v2(weights=None).state_dict()
    del state["features.18.0.weight"]
    with pytest.raises(UserError, match=r"ImageNet weights of mobilenet_v2 do not .*missing: 1"):
        PerceptualLoss(state)
