"""What limits a training is told with the flag that helps."""

import pytest

from common.run.bottleneck import KINDS, bottleneck
from common.run.clock import PARTS, Spent

COMPUTING = {"forward": 40, "loss": 10, "backward": 40, "optimizer": 10}


def told(**seconds):
    return bottleneck({part: Spent(0, wall) for part, wall in seconds.items()})


def test_every_part_of_the_clock_is_of_one_kind():
    assert sorted(part for parts in KINDS.values() for part in parts) == sorted(PARTS)


@pytest.mark.parametrize(
    ("beside", "share", "flag"),
    [
        ({}, "100% of the time was computing", "--precision bf16"),
        ({"validation": 8, "data": 10, "saving": 2}, "83% of the time was computing", "--precision bf16"),
        ({"data": 60}, "38% of the time was reading images", "--jitter"),
        ({"validation": 50, "data": 26}, "28% of the time was validation", "--epochs"),
        ({"saving": 15}, "13% of the time was saving", "--epochs"),
        ({"report": 100}, "50% of the time was figures and pages", "--no_report"),
    ],
)
def test_what_most_exceeds_its_share_is_the_bottleneck(beside, share, flag):
    assert told(**COMPUTING, **beside).startswith(share)
    assert flag in told(**COMPUTING, **beside)


def test_nothing_is_told_of_a_run_that_was_not_timed():
    assert bottleneck({}) is None
