"""Figure and ground without labels: what is found, and that it is the same whoever looks."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from common.config.load import load_config
from common.data.classes import IGNORE
from common.data.load import load_splits
from common.data.synthetic.pets import synthetic_pets
from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.models.weights import load_sections
from common.run.checkpoint import load_handover
from pretrain.build import task_record
from pretrain.config import LossConfig, PretextConfig, PretrainConfig
from pretrain.losses.objective import Objective
from pretrain.losses.pseudo_mask import saliency_error
from pretrain.model import Autoencoder
from pretrain.phase import Pretraining
from pretrain.pretexts.pretext import make_task, pretext_words
from pretrain.pseudo_masks.grabcut import salient, with_salient_masks
from pretrain.pseudo_masks.photographs import load_photographs
from pretrain.scoring import found_salient
from tests.datasets import write_folder
from tests.tiny import SYNTHETIC, TINY


def blob(side=64, *, centre=(0.5, 0.55), radius=0.25):
    """A noisy orange disc on noisy green, and where it is."""
    rows, columns = np.mgrid[:side, :side] / side
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
    picture = np.where(inside[..., None], (220, 130, 40), (60, 140, 70))
    noise = np.random.default_rng(0).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8), inside


@pytest.mark.parametrize("side", [48, 64, 128, 200])
def test_a_disc_on_another_colour_stands_out_at_every_size(side):
    picture, inside = blob(side)
    found = salient(picture)
    assert (found & inside).sum() / (found | inside).sum() > 0.95


def test_of_two_things_the_one_at_the_border_is_ground():
    picture, inside = blob(radius=0.2)
    picture[:10, 20:44] = (220, 130, 40)
    found = salient(picture)
    assert not found[:10].any()
    assert (found & inside).sum() / (found | inside).sum() > 0.95


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_of_one_colour_has_a_mask_too(value):
    assert salient(np.full((64, 64, 3), value, np.uint8)).shape == (64, 64)


def test_embedded_pets_stand_out_more_than_the_middle_does():
    pets = synthetic_pets(30, 64, seed=3)
    truth, counted = np.isin(pets.masks, (1, 2)), pets.masks != IGNORE

    def iou(found):
        return (found & truth & counted).sum() / ((found | truth) & counted).sum()

    squares = [np.pad(np.ones((30, 64 - 2 * k, 64 - 2 * k), bool), ((0, 0), (k, k), (k, k))) for k in range(4, 28, 4)]
    assert iou(np.stack([salient(picture) for picture in pets.images])) > max(map(iou, squares))


def test_masks_depend_on_no_thread_and_no_random_number_and_are_kept(tmp_path, monkeypatch):
    pets = synthetic_pets(12, 64, seed=0)
    first = with_salient_masks(pets, pets, side=64, cache_dir=tmp_path / "one", num_workers=1)
    cv2.setRNGSeed(5)
    np.random.default_rng(5)
    second = with_salient_masks(pets, pets, side=64, cache_dir=tmp_path / "four", num_workers=4)
    np.testing.assert_array_equal(first.masks, second.masks)
    np.testing.assert_array_equal(first.masks[3], salient(pets.images[3]))
    monkeypatch.setattr(
        "pretrain.pseudo_masks.grabcut.salient", lambda *_, side: pytest.fail(f"those at {side} were kept")
    )
    again = with_salient_masks(pets, pets, side=64, cache_dir=tmp_path / "one", num_workers=1)
    np.testing.assert_array_equal(first.masks, again.masks)
    with pytest.raises(pytest.fail.Exception, match="those at 48"):
        with_salient_masks(pets, pets, side=48, cache_dir=tmp_path / "one", num_workers=1)


def test_with_a_network_the_cut_begins_with_what_it_finds_and_follows_the_colours():
    picture, inside = blob(centre=(0.3, 0.25), radius=0.2)  # far from the middle, where colours alone look
    rough = np.zeros((16, 16), np.float32)
    rough[3:7, 2:6] = 0.9
    rough[1:9, :8] += 0.05
    assert (cv2.resize(rough, (64, 64)) > 0.5).sum() < 0.6 * inside.sum()
    found = salient(picture, rough)
    assert (found & inside).sum() / (found | inside).sum() > 0.95


@pytest.mark.parametrize("probability", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_a_network_that_finds_nothing_or_all_gives_a_mask_too(probability):
    assert salient(blob()[0], np.full((64, 64), probability, np.float32)).shape == (64, 64)


def teach(folder, *flags):
    """A run of phase 1 on outlines, and its handover file."""
    asked = ["--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0", "--saliency_weight", "1"]
    config = load_config(
        PretrainConfig, [*TINY, *SYNTHETIC, "--epochs", "1", *asked, "--output_dir", str(folder), *flags], prog=""
    )
    phase = Pretraining(config)
    phase.report(phase.train())
    return phase, load_handover(folder / "best.pth", kind="autoencoder")


def test_outlines_are_cut_again_from_what_the_first_network_finds(tmp_path):
    _, first = teach(tmp_path / "first")
    again, second = teach(tmp_path / "second", "--start_from", str(tmp_path / "first"), "--saliency_from", "start_from")
    finder = Autoencoder.from_architecture(first.architecture)
    load_sections(finder, first.sections, "first")
    finder.eval()
    pictures = again.data.train.images
    image = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 255
    one, mirrored = found_salient(finder, image), found_salient(finder, image.flip(-1))
    assert one is not None
    assert mirrored is not None
    found = (one + mirrored[..., ::-1]) / 2
    expected = np.stack([salient(picture, prior) for picture, prior in zip(pictures, found, strict=True)])
    assert np.mean(again.data.train.masks == expected) > 0.999  # convolutions of other batch sizes round differently
    by_colours = np.stack([salient(picture) for picture in pictures])
    assert np.mean(by_colours == expected) < 0.98
    assert second.task.pseudo_mask_from == "start_from"
    assert second.task.before.pseudo_mask_from == "colours"


def test_outlines_of_a_network_that_finds_none_are_refused(tmp_path):
    with pytest.raises(UserError, match="give --start_from and --saliency_weight 1"):
        PretrainConfig(loss=LossConfig(saliency_weight=1, saliency_from="start_from")).check()
    teach(tmp_path / "hog", "--pretext", "mask", "--saliency_weight", "0")
    flags = ("--start_from", str(tmp_path / "hog"), "--saliency_from", "start_from")
    with pytest.raises(UserError, match="was not taught what stands out"):
        teach(tmp_path / "again", *flags)


def test_small_images_are_outlined_on_larger_pictures_of_the_same_photographs(tmp_path):
    write_folder(tmp_path / "photographs", 12)
    flags = ["--data_dir", str(tmp_path / "photographs"), "--cache_dir", str(tmp_path / "cache"), "--split_seed", "3"]
    found = load_photographs(load_config(PretrainConfig, [*TINY, *flags, "--saliency_weight", "1"], prog=""))
    large = load_splits(load_config(PretrainConfig, [*TINY, *flags, "--image_size", "128"], prog="").data)
    for pack, pictures in ((found.train, large.train), (found.val, large.val)):
        assert pack.images.shape[1:3] == (64, 64)
        fine = np.stack([salient(picture) for picture in pictures.images]).reshape(-1, 64, 2, 64, 2)
        np.testing.assert_array_equal(pack.masks, fine.mean((2, 4)) > 0.5)
    assert found.test.masks is None


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    pets = synthetic_pets(2, 64, seed=0)
    with pytest.raises(UserError, match="--cache_dir"):
        with_salient_masks(pets, pets, side=64, cache_dir=tmp_path / "file", num_workers=1)


def test_the_error_is_the_cross_entropy_over_pixels_that_are_not_ignored():
    logits, salient_pixels = torch.randn(2, 1, 4, 4), torch.randint(0, 2, (2, 4, 4))
    expected = nn.BCEWithLogitsLoss()(logits[:, 0, :3], salient_pixels[:, :3].float())
    salient_pixels[:, 3:] = IGNORE
    torch.testing.assert_close(saliency_error(logits, salient_pixels), expected)
    assert saliency_error(logits, torch.full((2, 4, 4), IGNORE)) == 0


def network(*, saliency=True, target_channels=0):
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6, dropout=(0.0,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5, dropout=(0.0,) * 5)
    return Autoencoder(encoder, decoder, saliency=saliency, target_channels=target_channels)


def test_alone_it_teaches_all_but_the_image_head_which_learns_aside():
    net, image = network(), torch.rand(2, 3, 64, 64)
    task = make_task(image, PretextConfig(pretext="plain"), torch.randint(0, 2, (2, 64, 64)))
    terms = Objective(None, saliency_weight=2.0)(net, task)
    assert terms["loss"].item() == pytest.approx(2 * terms["saliency"].item())
    terms["loss"].backward()
    with_head = net.encoder.stages[0][0].weight.grad.clone()
    assert net.head.weight.grad.abs().sum() > 0
    net.zero_grad()
    (2 * saliency_error(net(image, heads=True).saliency, task.salient)).backward()
    torch.testing.assert_close(net.encoder.stages[0][0].weight.grad, with_head)


def test_what_was_found_is_a_probability_and_nothing_where_nobody_asked():
    image = torch.rand(2, 3, 64, 64)
    found = found_salient(network().eval(), image)
    assert found is not None
    assert found.shape == (2, 64, 64)
    assert 0 < found.min() < found.max() < 1
    assert found_salient(network(saliency=False).eval(), image) is None


def test_alone_it_is_enough_and_nothing_at_all_is_refused():
    plain = PretextConfig(pretext="plain")
    PretrainConfig(pretext=plain, loss=LossConfig(mse_weight=0, ssim_weight=0, saliency_weight=1)).check()
    with pytest.raises(UserError, match="all five loss weights are 0"):
        PretrainConfig(pretext=plain, loss=LossConfig(mse_weight=0, ssim_weight=0)).check()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"mse_weight": 0, "ssim_weight": 0}, "telling what stands out"),
        ({}, "rebuilding pictures, and telling what stands out"),
    ],
)
def test_the_record_and_the_page_say_that_it_was_asked(flags, words):
    loss = LossConfig(saliency_weight=1, **flags)
    task = task_record(PretrainConfig(pretext=PretextConfig(pretext="plain"), loss=loss))
    assert pretext_words(task) == words
    assert task.pseudo_mask_weight == 1
