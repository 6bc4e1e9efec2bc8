"""The seconds of each part of a run."""

import time

import pytest
import torch

from common.run.clock import Clock, Spent


@pytest.fixture
def clocks(monkeypatch):
    """CPU and wall clock that stand still: a test moves them."""
    now = {"process_time": 5.0, "monotonic": 70.0}
    for name in now:
        monkeypatch.setattr(time, name, lambda name=name: now[name])

    def move(cpu, wall):
        now["process_time"] += cpu
        now["monotonic"] += wall

    return move


def test_an_inner_part_is_not_counted_to_the_outer_one_and_nothing_between_parts_to_any(clocks):
    clock = Clock()
    clocks(9, 9)
    with clock("loss"):
        clocks(1, 2)
        with clock("data"):
            clocks(0.25, 4)
        clocks(1, 1)
    clocks(9, 9)
    assert clock.spent() == {"data": Spent(0.25, 4), "loss": Spent(2, 3)}
    assert clock.spent({"loss": Spent(10, 20), "saving": Spent(1, 1)}) == {
        "data": Spent(0.25, 4), "loss": Spent(12, 23), "saving": Spent(1, 1),
    }  # fmt: skip


def test_waiting_for_batches_is_counted_and_their_use_is_not(clocks):
    def slow():
        for thing in (1, 2):
            clocks(1, 3)
            yield thing

    clock, seen = Clock(), []
    for thing in clock.each("data", slow()):
        clocks(100, 100)
        seen.append(thing)
    assert seen == [1, 2]
    assert clock.spent() == {"data": Spent(2, 6)}


def test_the_passes_of_a_network_are_a_part_even_where_one_fails(clocks):
    class Net(torch.nn.Module):
        def forward(self, x):
            clocks(1, 2)
            assert x is not None
            return x

    clock, net = Clock(), Net()
    with clock.passes(net), clock("loss"):
        net(torch.zeros(1))
        with pytest.raises(AssertionError):
            net(None)
        clocks(5, 5)
    net(torch.zeros(1))
    assert clock.spent() == {"forward": Spent(2, 4), "loss": Spent(5, 5)}
