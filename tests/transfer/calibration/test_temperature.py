"""The temperature of a network: against torch's optimiser, on logits of a known one, and what it leaves alone."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from common.data.batches import LabelledBatch
from transfer.calibration.temperature import COLDEST, HOTTEST, MOST_VALUES, PixelSample, fit_temperature
from transfer.metrics.calibration import Calibration, probabilities


def pixels(count=4000, classes=3, *, seed=0):
    """Logits, and classes drawn by their softmax: a perfectly calibrated network, but for chance."""
    random = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, classes, generator=random)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=random)[:, 0]


def images(logits, truth, *, side=20):
    """The pixels of `pixels` as images."""
    maps = logits.reshape(-1, side, side, logits.shape[1]).movedim(-1, 1)
    mask = truth.reshape(-1, side, side)
    return maps, LabelledBatch(maps[:, :1], mask, torch.arange(len(mask)))


def by_lbfgs(logits, truth):
    """As the reference code of Guo et al. does it, with the logarithm as parameter."""
    log_temperature = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [log_temperature], max_iter=500, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(logits.double() / log_temperature.exp(), truth)
        loss.backward()
        return loss

    optimizer.step(closure)
    return log_temperature.exp().item()


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_is_that_of_torchs_lbfgs(scale):
    logits, truth = pixels()
    assert fit_temperature(scale * logits, truth) == pytest.approx(by_lbfgs(scale * logits, truth), rel=1e-4)


def test_logits_that_are_scaled_by_3_have_3_times_the_temperature():
    logits, truth = pixels()
    once = fit_temperature(logits, truth)
    assert once == pytest.approx(1, abs=0.05)
    assert fit_temperature(3 * logits, truth) == pytest.approx(3 * once, rel=1e-4)


@pytest.mark.parametrize(("sign", "end"), [(1, COLDEST), (-1, HOTTEST)])
def test_a_network_that_is_always_right_or_always_wrong_has_a_temperature_at_the_end_of_the_range(sign, end):
    logits = sign * F.one_hot(torch.tensor([0, 1, 2]), 3).float()
    assert fit_temperature(logits, torch.tensor([0, 1, 2])) == pytest.approx(end, rel=1e-3)


def test_without_a_pixel_there_is_no_temperature():
    assert fit_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)) == 1


def test_the_calibration_error_of_an_overconfident_network_falls():
    logits, truth = pixels(40_000)
    other, labels = pixels(40_000, seed=1)
    measured = Calibration(fit_temperature(3 * logits, truth))
    measured(*images(3 * other, labels))
    before, after = measured.errors
    assert before > 0.1
    assert after < 0.01


def test_the_temperature_changes_no_prediction():
    logits, _ = images(*pixels())
    for temperature in (0.1, 0.7, 9.0):
        torch.testing.assert_close(probabilities(logits, temperature).argmax(1), logits.argmax(1))
    torch.testing.assert_close(probabilities(logits, 1.0), logits.softmax(1), rtol=0, atol=0)


def test_a_sample_holds_every_labelled_pixel_of_few_images_in_their_order():
    logits, truth = pixels(1200)
    truth[::7] = 255
    maps, batch = images(logits, truth)
    sample = PixelSample(3, int((truth != 255).sum()), seed=0)
    for rows in (slice(2), slice(2, None)):
        sample(maps[rows], LabelledBatch(batch.image[rows], batch.mask[rows], batch.index[rows]))
    found, classes = sample.pixels()
    torch.testing.assert_close(found, logits[truth != 255])
    assert classes.tolist() == truth[truth != 255].tolist()


def test_a_sample_of_many_images_is_bounded_and_the_same_for_equal_seeds(monkeypatch):
    monkeypatch.setattr("transfer.calibration.temperature.MOST_VALUES", 900)
    logits, truth = pixels(4000)
    maps, batch = images(logits, truth)
    drawn = []
    for seed in (0, 0, 1):
        sample = PixelSample(3, 4000, seed=seed)
        sample(maps, batch)
        drawn.append(sample.pixels()[0].numpy())
    assert len(drawn[0]) == pytest.approx(900 / 3, rel=0.2)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert MOST_VALUES == 2**22
