"""The picture beside the task: it shows what the maps hold, and changes nothing else."""

import copy

import pytest
import torch

from common.data.synthetic.pets import synthetic_pets
from common.engine.precision import Precision
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from pretrain.losses.reconstruction import ReconstructionLoss
from pretrain.model import Autoencoder
from pretrain.picture import OFTEN, SHARE, PictureDecoder, PictureLearner
from pretrain.scoring import reconstruction_scores
from tests.run_checks import same

CPU = Precision(torch.device("cpu"))
LOSS = ReconstructionLoss(1.0, 0.0, ssim_weight=0.1)


def pets(count, side=64):
    return torch.from_numpy(synthetic_pets(count, side, seed=0).images.copy()).permute(0, 3, 1, 2).float() / 255


def learner(norm="batch", updates=20, precision=CPU):
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(8,) * 6, norm=norm).train()
    decoder, known = PictureDecoder(encoder), {"precision": precision, "progress": lambda update: update / updates}
    return PictureLearner(encoder, decoder, LOSS, **known)


def constant(image):
    return image.mean((2, 3), keepdim=True).expand_as(image)


@pytest.mark.parametrize("widths", [(4,) * 6, (4, 4), (4,)])
def test_a_fresh_one_paints_the_mean_colour_of_each_image(widths):
    encoder, image = UNetEncoder(widths=widths, dropout=(0.0,) * len(widths)).eval(), torch.rand(2, 3, 64, 96)
    torch.testing.assert_close(PictureDecoder(encoder)(encoder(image), image), constant(image))


def test_no_gradient_reaches_the_maps():
    taught, image = learner(), torch.rand(2, 3, 64, 64)
    features = taught.encoder(image)
    torch.nn.init.ones_(taught.decoder.patch.weight)
    taught.decoder(features, image).sum().backward()
    assert taught.decoder.laterals[0].weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in taught.encoder.parameters())


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_neither_encoder_nor_random_numbers_know_of_it(norm):
    taught = learner(norm)
    taught.encoder.stages[2].eval()  # as frozen levels are
    before = copy.deepcopy(taught.encoder.state_dict()), [part.training for part in taught.encoder.modules()]
    random = torch.get_rng_state()
    PictureDecoder(taught.encoder)
    taught.learn(pets(16))
    assert torch.equal(torch.get_rng_state(), random)
    assert same(dict(taught.encoder.state_dict()), dict(before[0]))
    assert [part.training for part in taught.encoder.modules()] == before[1]
    assert all(parameter.grad is None for parameter in taught.encoder.parameters())


def test_the_other_weights_of_a_network_are_the_same_with_and_without_one():
    def network(width):
        torch.manual_seed(0)
        encoder = UNetEncoder(widths=(4,) * 6)
        decoder = UNetDecoder(encoder.channels, encoder.strides)
        return Autoencoder(encoder, decoder, side=("contrast", "pseudo_mask"), picture_width=width).sections()

    ours, theirs = network(8), network(0)
    assert ours.pop("picture")
    assert same(ours, theirs)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_it_learns_to_paint_more_than_the_mean_colour(norm):
    taught, image = learner(norm, updates=60), pets(2)
    for _ in range(60):
        taught.encoder(image)  # for the statistics
        taught.learn(image)
    image = image[:1]
    with torch.no_grad():
        painted = taught.decoder(taught.encoder.eval()(image), image)
    ours, chance = (reconstruction_scores(guess, image)["psnr"] for guess in (painted, constant(image)))
    assert (ours - chance).min() > 3


def test_it_goes_on_from_its_state_bit_for_bit():
    whole, part, image = learner(), learner(), pets(2 * SHARE)
    for one in (whole, part):
        one.learn(image)
    again = PictureLearner(part.encoder, part.decoder, LOSS, precision=CPU, progress=lambda update: update / 20)
    again.load_state_dict(copy.deepcopy(part.state_dict()))
    whole.learn(image.flip(0))
    again.learn(image.flip(0))
    assert same(dict(whole.decoder.state_dict()), dict(again.decoder.state_dict()))
    assert again.update == 2


def test_it_looks_at_the_encoder_in_the_format_of_the_run():
    taught, formats = learner(precision=Precision(torch.device("cpu"), "bf16")), []
    taught.encoder.register_forward_hook(lambda _encoder, _inputs, maps: formats.append(maps[-1].dtype))
    before = copy.deepcopy(dict(taught.encoder.state_dict()))
    taught.learn(pets(2))
    assert formats == [torch.bfloat16]
    assert same(dict(taught.encoder.state_dict()), before)
    assert all(weight.dtype == torch.float32 and weight.isfinite().all() for weight in taught.decoder.parameters())


def test_it_learns_at_every_batch_first_and_seldom_later():
    taught, moved = learner(updates=1000), []
    for batch in range(OFTEN - 2, OFTEN + 5):
        before = copy.deepcopy(dict(taught.decoder.state_dict()))
        taught.update = batch
        taught.learn(pets(2))
        moved.append(not same(dict(taught.decoder.state_dict()), before))
    assert moved == [True, True, True, False, False, False, True]
    assert taught.update == OFTEN + 5


def test_an_update_that_is_not_finite_is_left_out():
    taught, image = learner(), pets(2)
    before = copy.deepcopy(dict(taught.decoder.state_dict()))
    taught.learn(torch.full_like(image, torch.nan))
    assert same(dict(taught.decoder.state_dict()), before)
