"""What the processes of a training agree on before they begin."""

import pytest

from common.config.load import flatten
from common.errors import UserError
from common.ranks import group
from common.ranks.join import refuse_other_settings
from transfer.config import TransferConfig

OURS = TransferConfig()


def started_with(monkeypatch, *, rank: int, **theirs) -> None:
    """As where rank 0 has our settings, and rank 1 these others."""
    monkeypatch.setattr(group, "rank", lambda: rank)
    monkeypatch.setattr(group, "each", lambda ours: [flatten(OURS), {**ours, **theirs}])


def test_ranks_with_other_flags_are_refused_by_the_first_and_the_others_end_without_a_word(monkeypatch):
    started_with(monkeypatch, rank=0, lr=2.0)
    with pytest.raises(UserError, match=r"^--lr is .* for rank 0 and 2\.0 for rank 1: start all with the same flags$"):
        refuse_other_settings(OURS)
    started_with(monkeypatch, rank=1, lr=2.0)
    with pytest.raises(SystemExit) as stop:
        refuse_other_settings(OURS)
    assert stop.value.code == 2


def test_equal_flags_and_those_of_a_rank_of_its_own_pass(monkeypatch):
    started_with(monkeypatch, rank=0)
    refuse_other_settings(OURS)
    started_with(monkeypatch, rank=0, threads=2)
    refuse_other_settings(OURS)
