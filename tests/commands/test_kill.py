"""SIGKILL at 50 moments of each phase, whenever it touches its folder: what comes out in the end has the same bits."""

import pytest
from killed import run_killed
from run_checks import metrics, same
from tiny import PRETRAIN, SYNTHETIC, TRANSFER

from common.run.checkpoint import load_handover


def outcome(folder, file):
    """What a finished run says, without the times and the machine."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if "tensorboard" not in path.parts}
    rows = (folder / "metrics.csv").read_text()
    return names, rows, metrics(folder), load_handover(folder / file).sections


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "flags", "file", "moments"),
    [
        pytest.param("pretrain.main", PRETRAIN, "ae.pth", 40, id="pretrain"),
        pytest.param("pretrain.main", [*PRETRAIN, "--report"], "ae.pth", 10, id="pretrain with its page"),
        pytest.param("transfer.main", TRANSFER, "best.pth", 40, id="transfer"),
        pytest.param("transfer.main", [*TRANSFER, "--report"], "best.pth", 10, id="transfer with its page"),
    ],
)
def test_a_run_that_is_killed_at_any_moment_ends_as_one_that_is_not(module, flags, file, moments, tmp_path):
    words = [*flags, *SYNTHETIC, "--epochs", "3", "--save_every", "2", "--output_dir"]
    whole = tmp_path / "whole"
    code, touches = run_killed(module, [*words, "whole"], whole, at=-1)
    assert code == 0
    expected = outcome(whole, file)
    for number in range(moments):
        folder = tmp_path / f"run{number}"
        code, _ = run_killed(module, [*words, folder.name], folder, at=1 + number * touches // moments)
        assert code == -9
        begun = (folder / "config.yaml").exists()
        again = ["--resume", "--output_dir", folder.name] if begun else [*words, folder.name]
        code, _ = run_killed(module, again, folder, at=-1)
        assert code == 0, folder.with_suffix(".log").read_text()
        assert same(outcome(folder, file), expected), (number, outcome(folder, file)[0] ^ expected[0])
