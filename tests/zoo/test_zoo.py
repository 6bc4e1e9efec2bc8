"""Bad input of every kind: one sentence that says what is wrong, and nothing is left behind."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from run_checks import refusal
from zoo import checkpoints, folders, images, masks, settings, surroundings
from zoo.row import MODEL

from common.doctor.__main__ import main as doctor
from pretrain.evaluate.__main__ import main as evaluate_pretraining
from pretrain.main import main as pretrain
from transfer.analyze.__main__ import main as analyze
from transfer.compare.__main__ import main as compare
from transfer.evaluate.__main__ import main as evaluate
from transfer.gradcam.__main__ import main as gradcam
from transfer.main import main as transfer
from transfer.predict.__main__ import main as predict

COMMANDS = {
    "pretrain": pretrain,
    "pretrain.evaluate": evaluate_pretraining,
    "transfer": transfer,
    "evaluate": evaluate,
    "predict": predict,
    "gradcam": gradcam,
    "compare": compare,
    "analyze": analyze,
    "doctor": doctor,
}
ROWS = [row for part in (images, masks, folders, settings, checkpoints, surroundings) for row in part.ROWS]


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """The file of a segmentation network."""
    path = tmp_path_factory.mktemp("model") / "best.pth"
    checkpoints.network(path)
    return path


@contextmanager
def limited(limit: tuple[int, int] | None) -> Iterator[None]:
    """Inside, a resource of this process has this soft limit."""
    if limit is None:
        yield
        return
    kind, soft = limit
    before, ignored = resource.getrlimit(kind), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_bad_input_is_one_sentence_and_leaves_nothing(row, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    row.make()
    for name, value in row.env.items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    words = [str(model) if word == MODEL else word for word in row.flags]
    with limited(row.limit):
        said = refusal(COMMANDS[row.command], words, capsys, leaves=row.leaves)
    assert row.said in said


def test_there_are_at_least_120_kinds_and_each_has_its_name():
    assert len({row.id for row in ROWS}) == len(ROWS) >= 120
