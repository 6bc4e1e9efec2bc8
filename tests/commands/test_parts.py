"""resources.json and the page say where the time of a run went."""

import json

import pytest
from tiny import SYNTHETIC, TRANSFER

from common.run.clock import PARTS
from transfer.main import main as transfer
from transfer.phase import Transfer


def parts(folder):
    return json.loads((folder / "resources.json").read_text())["parts"]


def test_a_run_of_either_phase_and_its_page_know_the_seconds_of_each_part(ae, seg):
    for run, without in ((ae, ()), (seg, ("picture",))):
        found = parts(run)
        assert tuple(found) == tuple(part for part in PARTS if part not in without)
        assert all(spent["wall_seconds"] > 0 for spent in found.values())
        assert found["backward"]["cpu_seconds"] > 0
        assert "Where the time went" in (run / "report.html").read_text(encoding="utf-8")
        told = json.loads((run / "resources.json").read_text())["bottleneck"]
        assert "% of the time was" in told


def test_a_resumed_run_adds_to_the_seconds_of_its_parts(tmp_path, monkeypatch):
    class PowerCutError(Exception):
        pass

    def cut(_phase, epoch):
        if epoch == 1:
            raise PowerCutError

    words = [*TRANSFER, *SYNTHETIC, "--output_dir", str(tmp_path / "run")]
    with monkeypatch.context() as patch:
        patch.setattr(Transfer, "begin_epoch", cut)
        with pytest.raises(PowerCutError):
            transfer(words)
    told = json.loads((tmp_path / "run/resources.json").read_text())
    told["parts"] |= {"forward": {"cpu_seconds": 1000, "wall_seconds": 2000}}
    (tmp_path / "run/resources.json").write_text(json.dumps(told))
    assert transfer([*words, "--resume"]) == 0
    found = parts(tmp_path / "run")
    assert 1000 < found["forward"]["cpu_seconds"] < 1100
    assert 2000 < found["forward"]["wall_seconds"] < 2100
    assert found["validation"]["wall_seconds"] > told["parts"]["validation"]["wall_seconds"]
