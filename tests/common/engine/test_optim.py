"""Optimizers and rates against torch's own schedulers and by hand."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from common.config.groups import OptimizerConfig, TrainingConfig
from common.engine.budget import Course
from common.engine.optim import ParameterGroup, build_optimizer, rates

TRAINING = TrainingConfig(epochs=5, batch_size=2, lr=0.4, weight_decay=0.1, patience=1)


def five_epochs(updates: int = 4) -> Course:
    course = Course(TRAINING, updates)
    for epoch in range(5):
        course.begin(epoch, 0)
    return course


def plan(**settings) -> OptimizerConfig:
    return OptimizerConfig(**{"optimizer": "sgd", "schedule": "poly", **settings})


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


@pytest.mark.parametrize(
    ("name", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_norms_and_biases_do_not_decay_and_every_parameter_is_moved_once(name, kind):
    model = network()
    optimizer = build_optimizer(
        [ParameterGroup([model[0], model[1]], 0.5), ParameterGroup([model[2]])], TRAINING, plan(optimizer=name)
    )
    assert type(optimizer) is kind
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.parameters()))
    assert {n: decay[id(p)] for n, p in model.named_parameters()} == {
        "0.weight": 0.1,
        "0.bias": 0.0,
        "1.weight": 0.0,
        "1.bias": 0.0,
        "2.weight": 0.1,
        "2.bias": 0.0,
    }
    factor = {id(p): group["factor"] for group in optimizer.param_groups for p in group["params"]}
    assert [factor[id(p)] for p in model.parameters()] == [0.5] * 4 + [1.0] * 2


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_fused_kernels_move_weights_as_torchs_loops_do(name):
    networks, slow = (network(), network()), replace(TRAINING, lr=1e-3)
    optimizers = [build_optimizer([ParameterGroup([one])], slow, plan(optimizer=name)) for one in networks]
    for group in optimizers[1].param_groups:
        assert group["fused"]
        group.update(fused=False, foreach=False)
    for seed in range(5):
        image = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        for model, optimizer in zip(networks, optimizers, strict=True):
            optimizer.zero_grad()
            model(image).square().mean().backward()
            optimizer.step()
    for ours, theirs in zip(*(one.parameters() for one in networks), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_momentum_is_nesterovs_where_there_is_any(momentum):
    groups = build_optimizer([ParameterGroup([network()])], TRAINING, plan(momentum=momentum)).param_groups
    assert all(group["momentum"] == momentum and group["nesterov"] is (momentum > 0) for group in groups)


def test_schedules_equal_torchs_own_at_every_update():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=TRAINING.lr)
    poly = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=20, power=0.9)
    ours = rates(TRAINING, plan(schedule="poly"), five_epochs())
    for update in range(20):
        assert ours(update) == pytest.approx(poly.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        poly.step()
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=TRAINING.lr)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.01)
    ours = rates(TRAINING, plan(schedule="cosine", min_lr=0.01), five_epochs())
    for update in range(20):
        assert ours(update) == pytest.approx(cosine.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        cosine.step()


@pytest.mark.parametrize("schedule", ["poly", "cosine"])
def test_a_falling_rate_ends_at_its_least_value(schedule):
    assert rates(TRAINING, plan(schedule=schedule, min_lr=0.01), five_epochs())(20) == pytest.approx(0.01)


def test_a_constant_rate_warms_up_and_stays():
    ours = rates(TRAINING, plan(schedule="constant", warmup_epochs=0.5), five_epochs())
    assert [ours(update) for update in (0, 1, 2, 19)] == pytest.approx([0.2, 0.4, 0.4, 0.4])
