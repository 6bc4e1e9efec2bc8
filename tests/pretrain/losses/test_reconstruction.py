import pytest
import torch
from skimage.metrics import mean_squared_error, structural_similarity
from torch import nn

from pretrain.losses.reconstruction import ReconstructionLoss


class GradientDistance(nn.Module):
    """A perceptual distance without weights: how far the horizontal edges are from each other."""

    def forward(self, reconstruction, image):
        assert reconstruction.dtype == image.dtype
        assert not torch.is_autocast_enabled(image.device.type)
        return (reconstruction.diff() - image.diff()).abs().mean()


def pair(size=16, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, size, size, generator=generator, dtype=torch.float64)
    noise = torch.randn(image.shape, generator=generator, dtype=torch.float64)
    return (image + 0.3 * noise).to(dtype), image.to(dtype)


def full_loss():
    return ReconstructionLoss(1.0, 0.1, ssim_weight=0.25, perceptual=GradientDistance())


def test_every_term_equals_an_independent_implementation():
    reconstruction, image = pair(dtype=torch.float64)
    terms = full_loss()(reconstruction, image)
    guess, truth = reconstruction.numpy(), image.numpy()
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    ssim = [structural_similarity(t, g, channel_axis=0, **settings) for t, g in zip(truth, guess, strict=True)]
    edges = abs((guess[..., 1:] - guess[..., :-1]) - (truth[..., 1:] - truth[..., :-1])).mean()
    expected = {"mse": mean_squared_error(truth, guess), "perceptual": edges, "ssim_loss": 1 - sum(ssim) / 2}
    expected["loss"] = expected["mse"] + 0.1 * expected["perceptual"] + 0.25 * expected["ssim_loss"]
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, abs=1e-7), name


@pytest.mark.parametrize("left_out", ["mse", "perceptual", "ssim"])
def test_a_term_of_weight_zero_is_left_out(left_out):
    weights = {f"{name}_weight": 0.0 if name == left_out else 0.5 for name in ("mse", "perceptual", "ssim")}
    perceptual = None if left_out == "perceptual" else GradientDistance()
    terms = ReconstructionLoss(**weights, perceptual=perceptual)(*pair())
    assert left_out not in terms
    assert f"{left_out}_loss" not in terms
    rest = [value for name, value in terms.items() if name != "loss"]
    assert len(rest) == 2
    torch.testing.assert_close(terms["loss"], 0.5 * (rest[0] + rest[1]))


def test_a_perceptual_weight_without_its_network_is_our_mistake():
    with pytest.raises(AssertionError, match="without its network"):
        ReconstructionLoss(1.0, 0.1, ssim_weight=0.1)


def test_no_term_at_all_is_our_mistake():
    with pytest.raises(AssertionError, match="every term"):
        ReconstructionLoss(0.0, 0.0, ssim_weight=0.0)


def test_gradients_are_those_of_the_formula():
    reconstruction, image = pair(size=12, dtype=torch.float64)
    reconstruction = reconstruction[:1, :1].requires_grad_()
    loss = full_loss()
    assert torch.autograd.gradcheck(lambda x: loss(x, image[:1, :1])["loss"], reconstruction)


def test_values_outside_the_range_keep_their_gradient():
    image = pair()[1]
    reconstruction = (image + 2).requires_grad_()
    full_loss()(reconstruction, image)["loss"].backward()
    assert reconstruction.grad.abs().min() > 0


def test_a_perfect_reconstruction_costs_nothing():
    image = pair()[1]
    for name, value in full_loss()(image.clone(), image).items():
        assert value.item() == pytest.approx(0, abs=1e-6), name


def test_the_order_of_the_batch_does_not_matter():
    reconstruction, image = pair()
    terms, flipped = full_loss()(reconstruction, image), full_loss()(reconstruction.flip(0), image.flip(0))
    for name, value in terms.items():
        torch.testing.assert_close(value, flipped[name])


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_every_term_is_float32_under_autocast(half):
    reconstruction, image = pair()
    reconstruction = reconstruction.to(half)
    expected = full_loss()(reconstruction.float(), image)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = full_loss()(reconstruction, image)
    for name, value in terms.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, expected[name]), name
