import math

import pytest
import torch

from common.engine.schedule import cosine, poly, warmup


def test_cosine_agrees_with_torch():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40, eta_min=0.01)
    for update in range(41):
        assert cosine(update, total=40, base=0.3, final=0.01) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()


def test_poly_agrees_with_torch():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.3)
    theirs = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=40, power=0.9)
    for update in range(40):
        assert poly(update, total=40, base=0.3, power=0.9) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()


def test_rates_stay_at_their_end_after_the_last_update():
    assert cosine(99, total=40, base=0.3, final=0.01) == pytest.approx(0.01)
    assert poly(99, total=40, base=0.3) == 0


def test_warmup_rises_in_equal_steps_to_one_and_stays():
    assert [warmup(update, updates=4) for update in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert warmup(0, updates=0) == 1


def test_poly_with_power_zero_is_constant():
    assert {poly(update, total=10, base=0.2, power=0.0) for update in range(10)} == {0.2}
    assert math.isclose(poly(5, total=10, base=1.0, power=1.0), 0.5)
