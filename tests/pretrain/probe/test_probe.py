"""The linear probe: what it solves, what it sees, and what it leaves alone."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch.nn import functional as F

from common.config.groups import DataConfig
from common.data.classes import IGNORE
from common.data.load import load_labelled
from common.errors import UserError
from common.metrics import chance_level
from common.models.encoder import Encoder, UNetEncoder
from pretrain.probe.probe import Probe, balanced_pixels, features_at
from pretrain.probe.ridge import GramMatrix, LinearClassifier

CPU = torch.device("cpu")


def rows(count: int = 200, dims: int = 5, classes: int = 3):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, (count,), generator=generator).clamp(max=classes - 1)
    labels[: count // 2] = 0  # out of balance
    features = torch.randn(count, dims, generator=generator) * 3 + labels[:, None] * torch.arange(dims)
    return features, labels


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_the_solution_equals_scikit_learns_weighted_ridge(penalty):
    features, labels = rows()
    ours = GramMatrix.of(features, labels, 3).solve(slice(0, 5), penalty=penalty)
    counts = np.bincount(labels.numpy())
    weight = (1 / (3 * counts))[labels.numpy()]
    x = features.double().numpy()
    mean = weight @ x
    std = np.sqrt(weight @ (x - mean) ** 2)
    theirs = Ridge(alpha=penalty).fit((x - mean) / std, np.eye(3)[labels.numpy()], sample_weight=weight)
    expected = theirs.predict((x - mean) / std)
    found = features @ ours.weight.T + ours.bias
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_some_columns_are_solved_as_if_there_were_no_others():
    features, labels = rows()
    part = GramMatrix.of(features, labels, 3).solve(slice(1, 4), penalty=1.0)
    alone = GramMatrix.of(features[:, 1:4], labels, 3).solve(slice(0, 3), penalty=1.0)
    torch.testing.assert_close(part.weight, alone.weight)
    torch.testing.assert_close(part.bias, alone.bias)


def test_ignored_rows_count_for_nothing():
    features, labels = rows()
    more = torch.cat([features, torch.full((7, 5), 1e3)]), torch.cat([labels, torch.full((7,), IGNORE)])
    torch.testing.assert_close(GramMatrix.of(*more, 3).gram, GramMatrix.of(features, labels, 3).gram)


def test_a_classifier_of_maps_equals_enlarging_the_maps_first():
    torch.manual_seed(0)
    maps = [torch.randn(2, 3, 16, 16), torch.randn(2, 4, 8, 8)]
    classifier = LinearClassifier(torch.randn(3, 7), torch.randn(3))
    full = torch.cat([F.interpolate(m, size=(16, 16), mode="bilinear", align_corners=False) for m in maps], 1)
    expected = torch.einsum("kd,ndhw->nkhw", classifier.weight, full) + classifier.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(classifier(maps, (16, 16)), expected, atol=1e-4, rtol=1e-4)


def test_features_at_a_pixel_are_those_of_the_enlarged_maps():
    torch.manual_seed(0)
    maps = [torch.randn(2, 3, 16, 16), torch.randn(2, 4, 4, 4)]
    pixels = np.array([[0, 17, 255], [15, 240, 100]])
    full = torch.cat([F.interpolate(m, size=(16, 16), mode="bilinear", align_corners=False) for m in maps], 1)
    expected = torch.cat([full[n].flatten(1)[:, pixels[n]].T for n in range(2)])
    torch.testing.assert_close(features_at(maps, pixels, 16), expected, atol=1e-5, rtol=1e-5)


def test_pixels_are_balanced_over_the_classes_that_an_image_has_and_never_ignored():
    masks = np.full((3, 8, 8), IGNORE, dtype=np.uint8)
    masks[0, :, :4], masks[0, :, 4:6], masks[0, 0, 7] = 0, 1, 2
    masks[1, 2:4] = 1
    chosen = balanced_pixels(masks, 9)
    assert chosen.shape == (3, 9)
    assert np.bincount(masks[0].ravel()[chosen[0]]).tolist() == [3, 3, 3]
    assert (masks[1].ravel()[chosen[1]] == 1).all()
    assert (chosen[2] == 0).all()
    assert np.array_equal(chosen, balanced_pixels(masks, 9))


class TruthEncoder(Encoder):
    """Tells the class of a pixel that was painted in its class's brightness; its second map is constant."""

    channels, strides = (2, 1), (1, 2)

    def __init__(self):
        super().__init__(mean=[0.0] * 3, std=[1.0] * 3)

    def pyramid(self, normalised):
        shade = normalised[:, :1]
        return [torch.cat([shade, shade.square()], 1), torch.zeros_like(shade[..., ::2, ::2])]


def painted(count: int = 60):
    data = load_labelled(DataConfig(image_size=64, synthetic_count=count))
    packs = []
    for pack in (data.train, data.val):
        images = np.repeat(np.where(pack.masks == IGNORE, 0, pack.masks * 100)[..., None], 3, -1).astype(np.uint8)
        packs.append(pack.__class__(**{**vars(pack), "images": images}))
    return packs


def test_features_that_tell_the_class_score_one_and_constant_ones_do_not():
    train, val = painted()
    found = Probe(train, val, num_classes=3, device=CPU)(TruthEncoder())
    assert found["probe/miou"] == pytest.approx(1.0)
    assert found["probe/miou_s1"] == pytest.approx(1.0)
    assert found["probe/miou_s2"] < 0.4
    assert found["probe/chance"] == chance_level(val.class_pixels.sum(0))[1] < 0.5


def test_a_probe_leaves_the_encoder_and_the_random_numbers_as_they_were():
    config = DataConfig(image_size=64, synthetic_count=40)
    probe = Probe.load(config, device=CPU)
    encoder = UNetEncoder(widths=(4,) * 6, norm="batch").train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    state = torch.get_rng_state()
    first, second = probe(encoder), probe(encoder)
    assert first == second
    assert encoder.training
    assert all(layer.training for layer in encoder.stages)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_a_probe_never_touches_test_images():
    data = load_labelled(DataConfig(image_size=64, synthetic_count=40))
    probe = Probe.load(DataConfig(image_size=64, synthetic_count=40), device=CPU)
    assert not {*probe.train.keys, *probe.val.keys} & {*data.test.keys}
    assert probe.train.keys == data.train.keys
    assert probe.val.keys == data.val.keys


def test_a_probe_without_masks_is_refused(tmp_path):
    from datasets import write_folder

    write_folder(tmp_path / "photos")
    with pytest.raises(UserError, match="masks"):
        Probe.load(DataConfig(data_dir=tmp_path / "photos", image_size=64), device=CPU)
