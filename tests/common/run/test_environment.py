"""What a run records of its surroundings."""

import time

from common.cli import command
from common.run import started
from common.run.environment import environment

HOUR = 3600


def test_a_record_names_the_moment_when_its_command_began_however_late_it_is_written(monkeypatch):
    began, seen = time.time() - HOUR, []

    @command()
    def inner(argv):
        seen.append(environment()["started"])

    @command()
    def training(argv):
        monkeypatch.setattr(started.time, "time", lambda: began + HOUR)
        seen.append(environment()["started"])
        return inner([])

    monkeypatch.setattr(started.time, "time", lambda: began)
    assert training([]) == 0
    assert seen == 2 * [time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(began))]


def test_without_a_command_it_is_this_moment():
    before = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    assert before <= environment()["started"] <= time.strftime("%Y-%m-%dT%H:%M:%S%z")
