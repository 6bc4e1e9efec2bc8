"""The plain loops of the speed benchmark train the same thing as the project."""

import pytest
import torch
from tiny import TINY

from benchmarks import plain
from common.config.load import load_config
from pretrain.build import build_model, build_objective, build_target, build_tasks
from pretrain.config import PretrainConfig
from pretrain.model import TrainingForward


def built(*words):
    config = load_config(PretrainConfig, [*TINY, *words], prog="test")
    torch.manual_seed(0)
    target = build_target(config)
    model = build_model(config, target)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))  # heads begin as zeros
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout2d):
            part.p = 0.0
    return model, target, build_objective(config, target), build_tasks(config)


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


def test_the_loss_and_the_gradients_of_hidden_patches_are_ours():
    model, target, objective, tasks = built()
    task = tasks(torch.rand(4, 3, 64, 64))
    ours = objective(TrainingForward(model), task)["loss"]
    own = gradients(model, ours)
    theirs = plain.masked_loss(model, task, mean=target.mean, variance=target.variance)
    assert theirs.item() == pytest.approx(ours.item(), rel=1e-4)
    difference = own - gradients(model, theirs)
    assert difference.norm() < 1e-3 * own.norm()
