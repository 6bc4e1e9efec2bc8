"""The device of a run is this machine's, whatever a cluster's variables say."""

from common.config.groups import RunConfig
from common.engine.device import make_fabric


def test_variables_of_slurm_change_nothing(monkeypatch):
    variables = {"NTASKS": "2", "JOB_ID": "1", "JOB_NAME": "job", "PROCID": "1", "LOCALID": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    fabric = make_fabric(RunConfig(device="cpu"))
    assert (fabric.world_size, fabric.global_rank) == (1, 0)
