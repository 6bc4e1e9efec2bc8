"""Normalisation of visible cells, against its formula written out."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from common.models.blocks import norm_layer
from common.models.visible import normalise_visible

FORMATS = [torch.contiguous_format, torch.channels_last]


def by_formula(norm: nn.Module, x: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    dims = (0, 2, 3) if isinstance(norm, nn.BatchNorm2d) else (2, 3)
    count = cells.sum(dims, keepdim=True).clamp(min=1)
    mean = (x * cells).sum(dims, keepdim=True) / count
    variance = ((x - mean).square() * cells).sum(dims, keepdim=True) / count
    if isinstance(norm, nn.BatchNorm2d):
        with torch.no_grad():
            norm.running_mean.lerp_(mean.flatten(), 0.1)
            norm.running_var.lerp_((variance * count / (count - 1).clamp(min=1)).flatten(), 0.1)
            norm.num_batches_tracked += 1
    shift = norm.bias.view(-1, 1, 1)
    return ((x - mean) / (variance + norm.eps).sqrt() * norm.weight.view(-1, 1, 1) + shift) * cells


def layers(norm, channels: int, dtype: torch.dtype) -> list[nn.Module]:
    torch.manual_seed(0)
    weight, bias = torch.rand(channels) + 0.5, torch.randn(channels)
    made = [norm_layer(norm, channels).to(dtype) for _ in range(2)]
    for layer in made:
        layer.load_state_dict(layer.state_dict() | {"weight": weight, "bias": bias})
    return made


def patches(count: int, side: int, *, patch: int = 2) -> torch.Tensor:
    shown = torch.rand(count, 1, side // patch, side // patch, generator=torch.Generator().manual_seed(2)) < 0.4
    shown[:, :, 0, 0], shown[:, :, -1, -1] = True, False
    return shown.float().repeat_interleave(patch, 2).repeat_interleave(patch, 3)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_values_gradients_and_running_statistics_are_those_of_the_formula(norm, memory_format, dtype, tolerance):
    ours, theirs = layers(norm, 6, dtype)
    cells = patches(4, 16).to(dtype)
    x = (torch.randn(4, 6, 16, 16, dtype=dtype) * 2 + 3).to(memory_format=memory_format).requires_grad_()
    other = x.detach().clone().requires_grad_()
    found, wanted = normalise_visible(ours, x, cells), by_formula(theirs, other, cells)
    weights = torch.randn(4, 6, 16, 16, dtype=dtype)  # of hidden cells too: their gradient goes nowhere
    for out in (found, wanted):
        (out.sin() * weights).sum().backward()
    near = {"rtol": tolerance, "atol": tolerance}
    torch.testing.assert_close(found, wanted, **near)
    torch.testing.assert_close(x.grad, other.grad, **near)
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(
            parameter.grad, theirs.get_parameter(name).grad, rtol=tolerance, atol=1e2 * tolerance
        )
    for name, buffer in ours.named_buffers():
        torch.testing.assert_close(buffer, theirs.get_buffer(name), **near)
    assert found.is_contiguous(memory_format=memory_format)
    assert x.grad.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_gradients_agree_with_finite_differences(norm, memory_format):
    layer, _ = layers(norm, 3, torch.float64)
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64).to(memory_format=memory_format).requires_grad_()
    parameters = (layer.weight.detach().requires_grad_(), layer.bias.detach().requires_grad_())

    def normalised(x, weight, bias):
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    layer.forward = lambda x: normalise_visible(layer, x, patches(2, 4).double())
    assert torch.autograd.gradcheck(normalised, (x, *parameters))


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_means_far_from_zero_cost_no_digits(norm, memory_format):
    layer, reference = layers(norm, 4, torch.float32)
    x = (torch.randn(2, 4, 32, 32) * 0.1 + 100).to(memory_format=memory_format)
    found, wanted = (
        normalise_visible(layer, x, patches(2, 32)),
        by_formula(reference.double(), x.double(), patches(2, 32)),
    )
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=2e-3)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_a_single_visible_cell_is_the_shift(norm, memory_format):
    layer, _ = layers(norm, 4, torch.float32)
    cells = F.one_hot(torch.tensor(5), 16).view(1, 1, 4, 4).float()
    found = normalise_visible(layer, torch.randn(1, 4, 4, 4).to(memory_format=memory_format), cells)
    torch.testing.assert_close(found[0, :, 1, 1], layer.bias.detach())
    assert all(buffer.isfinite().all() for buffer in layer.buffers())


@pytest.mark.filterwarnings("ignore")  # torch's own, of its compiler
@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_a_compiled_block_has_the_same_values_and_gradients(norm, memory_format):
    blocks = [Block(layer).to(memory_format=memory_format) for layer in layers(norm, 6, torch.float32)]
    blocks[1].load_state_dict(blocks[0].state_dict())
    x, cells = torch.randn(4, 3, 16, 16).to(memory_format=memory_format), patches(4, 16)
    found = torch.compile(blocks[0], backend="aot_eager")(x, cells)
    wanted = blocks[1](x, cells)
    for out in (found, wanted):
        out.sin().sum().backward()
    near = {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(found, wanted, **near)
    for name, value in blocks[0].named_parameters():
        torch.testing.assert_close(value.grad, blocks[1].get_parameter(name).grad, **near)
    for name, value in blocks[0].named_buffers():
        torch.testing.assert_close(value, blocks[1].get_buffer(name), **near)


class Block(nn.Module):
    """As in the encoder: a convolution, the normalisation, and a LeakyReLU in place."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.convolve, self.norm, self.act = nn.Conv2d(3, 6, 3, padding=1, bias=False), norm, nn.LeakyReLU(inplace=True)

    def forward(self, x: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        return self.act(normalise_visible(self.norm, self.convolve(x), cells))


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_an_activation_at_the_visible_cells_is_that_of_the_whole_map(norm, memory_format):
    pair, cells = layers(norm, 6, torch.float32), patches(4, 16)
    x = torch.randn(4, 6, 16, 16).to(memory_format=memory_format).requires_grad_()
    found = normalise_visible(pair[0], x, cells, then=nn.LeakyReLU(0.01, inplace=True))
    wanted = F.leaky_relu(normalise_visible(pair[1], x, cells), 0.01)
    assert torch.equal(found, wanted)
    gradients = [torch.autograd.grad(out.sin().sum(), x)[0] for out in (found, wanted)]
    assert torch.equal(*gradients)
