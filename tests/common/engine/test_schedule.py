import math

import pytest
import torch

from common.engine.schedule import cosine, poly, warmup


def test_cosine_agrees_with_torch():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40, eta_min=0.01)
    for update in range(41):
        assert cosine(update / 40, base=0.3, final=0.01) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()


def test_poly_agrees_with_torch():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.3)
    theirs = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=40, power=0.9)
    for update in range(40):
        assert poly(update / 40, base=0.3, power=0.9) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()


def test_warmup_rises_in_equal_steps_to_one_and_stays():
    assert [warmup(done / 8, over=0.5) for done in range(1, 7)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert warmup(0.125, over=0) == 1


def test_poly_with_power_zero_is_constant():
    assert {poly(update / 10, base=0.2, power=0.0) for update in range(10)} == {0.2}
    assert math.isclose(poly(0.5, base=1.0, power=1.0), 0.5)
