"""What a run records of its surroundings."""

import subprocess
import time

from common.cli import command
from common.run import started
from common.run.environment import commit_of, environment

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


def test_the_commit_is_that_of_the_code_and_not_of_a_project_around_it(tmp_path):
    code, installed = tmp_path / "code.py", tmp_path / "venv/code.py"
    installed.parent.mkdir()
    for file in (code, installed):
        file.write_text("")
    told = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "code.py"], [*told, "commit", "-qm", "code"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    commit = commit_of(code)
    assert commit
    assert head.startswith(commit)
    assert commit_of(installed) is None
