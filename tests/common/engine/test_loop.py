import copy
import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from common.config.groups import TrainingConfig
from common.data.batches import Batch, Batches
from common.data.synthetic.pets import synthetic_pets
from common.engine.budget import Course
from common.engine.loop import Updater, fit, train_epoch, updates_per_pass
from common.engine.precision import Precision
from common.engine.seeding import seed_update
from common.errors import DivergedError
from common.rows import Means
from common.run.history import History


def plan(**settings):
    return TrainingConfig(epochs=1, batch_size=4, lr=0.1, weight_decay=0.0, patience=1, **settings)


def small_updater(lr_at=lambda update: 0.1 / (1 + update), **settings):
    torch.manual_seed(0)
    model = nn.Conv2d(3, 3, 1)
    optimizer = torch.optim.SGD(
        [{"params": [model.weight], "factor": 0.5}, {"params": [model.bias]}], lr=1.0, momentum=0.9
    )
    length = plan(**settings)
    course = Course(length, 3)
    return model, Updater(Precision(torch.device("cpu")), model, optimizer, length, course=course, lr_at=lr_at, seed=7)


def squared(model: nn.Module):
    def step(batch: Batch) -> Mapping[str, Tensor]:
        noise = torch.randn_like(batch.image) * 0.1
        loss = (model(batch.image + noise) - batch.image).square().mean()
        return {"loss": loss, "half": loss / 2}

    return step


def test_rates_follow_the_update_and_the_groups_factor():
    _, updater = small_updater()
    updater.update = 3
    updater.begin()
    assert [group["lr"] for group in updater.optimizer.param_groups] == pytest.approx([0.0125, 0.025])


def test_an_epoch_lowers_the_loss_and_returns_means_over_images():
    model, updater = small_updater()
    batches = Batches(synthetic_pets(9, 64, seed=0), batch_size=4)
    rows = [train_epoch(squared(model), batches.epoch(epoch), updater) for epoch in range(5)]
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    assert rows[0]["half"] == pytest.approx(rows[0]["loss"] / 2)
    assert updater.update == 5 * len(batches)


def test_stopping_between_epochs_and_going_on_gives_the_same_bits():
    batches = Batches(synthetic_pets(9, 64, seed=0), batch_size=4, shuffle=True)
    model, updater = small_updater()
    for epoch in range(3):
        train_epoch(squared(model), batches.epoch(epoch), updater)
    first, first_updater = small_updater()
    train_epoch(squared(first), batches.epoch(0), first_updater)
    weights, state = first.state_dict(), first_updater.state_dict()
    torch.manual_seed(99)
    second, second_updater = small_updater()
    second.load_state_dict(weights)
    second_updater.load_state_dict(state)
    for epoch in (1, 2):
        train_epoch(squared(second), batches.epoch(epoch), second_updater)
    assert torch.equal(model.weight, second.weight)
    assert torch.equal(model.bias, second.bias)


def test_a_loss_that_is_no_number_stops_before_the_weights_move():
    model, updater = small_updater()
    before = model.weight.clone()
    batches = Batches(synthetic_pets(4, 64, seed=0), batch_size=4)

    def step(batch: Batch) -> Mapping[str, Tensor]:
        return {"loss": model(batch.image).mean() * math.nan, "dice": torch.tensor(0.25)}

    with pytest.raises(DivergedError, match=r"update 0 \(loss nan, dice 0.25\)"):
        train_epoch(step, batches.epoch(0), updater)
    assert torch.equal(before, model.weight)


def test_clipping_bounds_the_move():
    model, updater = small_updater(clip_norm=1e-3, lr_at=lambda _: 1.0)
    before = model.bias.clone()
    batches = Batches(synthetic_pets(4, 64, seed=0), batch_size=4)
    train_epoch(squared(model), batches.epoch(0), updater)
    assert 0 < (model.bias - before).norm() <= 1.001e-3


def test_small_batches_whose_gradients_are_added_move_like_one_large_batch():
    pets = synthetic_pets(6, 64, seed=0)

    def step_of(model):
        return lambda batch: {"loss": (model(batch.image) - batch.image).square().mean()}

    weights = []
    for size, accumulate in ((6, 1), (4, 2), (2, 3)):  # a last batch of 2 counts for half of one of 4
        model, updater = small_updater(accumulate=accumulate)
        train_epoch(step_of(model), Batches(pets, batch_size=size).epoch(0), updater)
        assert updater.update == 1
        assert updates_per_pass(Batches(pets, batch_size=size), updater.plan) == 1
        weights.append(model.weight.detach().clone())
    torch.testing.assert_close(weights[0], weights[1])
    torch.testing.assert_close(weights[0], weights[2])


def test_the_gradient_norm_is_the_one_before_clipping():
    pets = Batches(synthetic_pets(4, 64, seed=0), batch_size=4)
    norms = []
    for clip in (0.0, 1e-3):
        model, updater = small_updater(clip_norm=clip)
        norms.append(train_epoch(squared(model), pets.epoch(0), updater)["grad_norm"])
    model, updater = small_updater()
    updater.begin()
    squared(model)(next(pets.epoch(0)))["loss"].backward()
    expected = torch.stack([p.grad.square().sum() for p in model.parameters()]).sum().sqrt().item()
    assert norms == pytest.approx([expected, expected], rel=1e-5)


def test_the_average_of_the_weights_equals_the_formula():
    pets = Batches(synthetic_pets(9, 64, seed=0), batch_size=3)
    model, updater = small_updater(ema=0.8)
    expected = None
    for epoch in range(2):
        for batch in pets.epoch(epoch):
            train_epoch(squared(model), [batch], updater)
            now = model.weight.detach().clone()
            expected = now if expected is None else 0.8 * expected + 0.2 * now
    own = model.weight.detach().clone()
    with updater.averaged():
        torch.testing.assert_close(model.weight.detach(), expected)
    assert torch.equal(model.weight, own)
    assert not torch.equal(own, expected)


def test_a_resumed_average_equals_an_unstopped_one():
    pets = Batches(synthetic_pets(9, 64, seed=0), batch_size=3)
    model, updater = small_updater(ema=0.8, accumulate=2)
    train_epoch(squared(model), pets.epoch(0), updater)
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(updater.state_dict())
    train_epoch(squared(model), pets.epoch(1), updater)
    again, second = small_updater(ema=0.8, accumulate=2)
    again.load_state_dict(weights)
    second.load_state_dict(state)
    train_epoch(squared(again), pets.epoch(1), second)
    with updater.averaged(), second.averaged():
        assert torch.equal(model.weight, again.weight)


def test_without_an_average_the_model_stays_itself():
    model, updater = small_updater()
    before = model.weight
    with updater.averaged():
        assert model.weight is before


def test_an_epoch_without_a_batch_is_an_error():
    _, updater = small_updater()
    with pytest.raises(ValueError, match="empty"):
        train_epoch(lambda _: {}, [], updater)


def test_every_update_draws_other_numbers_and_the_same_update_the_same():
    draws = []
    for seed, update in ((0, 0), (0, 1), (1, 0), (0, 0)):
        seed_update(seed, update)
        draws.append(torch.rand(3).tolist())
    assert draws[0] == draws[3]
    assert len({tuple(draw) for draw in draws}) == 3


def test_means_weigh_batches_by_their_images():
    means = Means()
    means.add({"loss": 1.0}, 3)
    means.add({"loss": 5.0}, 1)
    assert means.row() == {"loss": 2.0}


def run_fit(scores, *, epochs=10, patience=3, history=None):
    history = history or History()
    saved = []
    fit(
        lambda epoch: {"train/epoch": epoch},
        lambda epoch: {"val": scores[epoch]},
        lambda now, better: saved.append((now.epoch, better)),
        history=history,
        epochs=epochs,
        patience=patience,
        score=lambda row: row["val"],
    )
    return history, saved


def test_fit_stops_when_patience_epochs_brought_nothing_better():
    history, saved = run_fit([0.1, 0.5, 0.4, 0.5, 0.3, 0.9, 0.9, 0.9, 0.9, 0.9])
    assert saved == [(1, True), (2, True), (3, False), (4, False), (5, False)]
    assert (history.best_epoch, history.best_score) == (2, 0.5)


def test_a_score_that_is_no_number_is_never_better_but_the_first_epoch_is_always_kept():
    history, saved = run_fit([math.nan, math.nan, 0.2, math.nan], epochs=4)
    assert saved == [(1, True), (2, False), (3, True), (4, False)]
    assert history.best_epoch == 3


def test_a_stopped_run_does_not_go_on_when_it_is_resumed():
    history, _ = run_fit([0.5, 0.1, 0.1, 0.1], epochs=10)
    _, saved = run_fit([0.9] * 10, history=history)
    assert saved == []
