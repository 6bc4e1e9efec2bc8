"""last.pth: every flipped bit is noticed, and the state before it is taken up."""

import math

import pytest
import torch
from torch import nn

from common.errors import DivergedError, UserError
from common.run.history import History
from common.run.state import TrainingStates, refuse_nonfinite


def written(folder, *, keep=2, epochs=3):
    """The states of some epochs; the weight is the epoch."""
    layer = nn.Linear(2, 1)
    states = TrainingStates(folder, keep)
    for epoch in range(1, epochs + 1):
        nn.init.constant_(layer.weight, epoch)
        states.save(History(epoch, 1, 0.5, [{"epoch": epoch, "val/iou": math.nan}]), {"layer": layer})
    return states


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_the_newest_states_are_kept(tmp_path):
    written(tmp_path, keep=3, epochs=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last-1.pth", "last-2.pth", "last.pth"]
    layer = nn.Linear(2, 1)
    history = TrainingStates(tmp_path, 1).load({"layer": layer})
    assert layer.weight[0, 0] == 5
    assert history.epoch == 5
    assert [type(value) for value in history.rows[0].values()] == [int, float]


def test_no_flipped_bit_is_trained_on(tmp_path):
    written(tmp_path)
    good = (tmp_path / "last.pth").read_bytes()
    at = good.index(torch.full((2,), 3.0).numpy().tobytes())
    for position in [at, *range(5, len(good), 37)]:
        flip(tmp_path / "last.pth", position)
        layer = nn.Linear(2, 1)
        states = TrainingStates(tmp_path, 2)
        history = states.load({"layer": layer})
        assert torch.equal(layer.weight, torch.full((1, 2), float(history.epoch)))
        if position == at:
            assert history.epoch == 2
        (tmp_path / "last.pth").write_bytes(good)


def test_a_damaged_state_is_named_and_the_one_before_it_taken(tmp_path, capsys):
    states = written(tmp_path)
    (tmp_path / "last.pth").write_bytes(b"")
    layer = nn.Linear(2, 1)
    assert states.load({"layer": layer}).epoch == 2
    assert "goes on from epoch 2 (last-1.pth)" in capsys.readouterr().err


def test_where_all_are_damaged_the_networks_that_are_left_are_named(tmp_path):
    states = written(tmp_path)
    (tmp_path / "epoch_0002.pth").touch()
    for name in ("last.pth", "last-1.pth"):
        (tmp_path / name).write_bytes(b"torn")
    with pytest.raises(UserError, match=r"last-1\.pth .*epoch_0002\.pth can still be used"):
        states.load({"layer": nn.Linear(2, 1)})


def test_a_state_of_another_network_is_refused(tmp_path):
    states = written(tmp_path)
    with pytest.raises(UserError, match="does not fit this version"):
        states.load({"layer": nn.Linear(3, 1)})
    with pytest.raises(UserError, match="does not fit this version"):
        states.load({"other": nn.Linear(2, 1)})


def test_numbers_that_are_not_finite_are_refused_by_name():
    layer = nn.Linear(2, 1)
    refuse_nonfinite({"layer": layer})
    nn.init.constant_(layer.bias, math.inf)
    with pytest.raises(DivergedError, match=r"layer\.bias is not finite"):
        refuse_nonfinite({"layer": layer})
