"""Where a process stands among those of its training, by the launcher and the flags."""

import dataclasses

import pytest

from common.config.ranks import RanksConfig
from common.errors import UserError
from common.ranks.place import Place, find_place
from transfer.config import TransferConfig

TORCHRUN = {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}
MPIRUN = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_LOCAL_RANK": "1"}
MPICH = {"PMI_SIZE": "4", "PMI_RANK": "3"}
SRUN = {"SLURM_NTASKS": "4", "SLURM_PROCID": "3", "SLURM_LOCALID": "1"}


def config(device="cpu", **ranks):
    plain = TransferConfig()
    training = dataclasses.replace(plain.training, batch_size=8)
    run = dataclasses.replace(plain.run, device=device)
    return dataclasses.replace(plain, ranks=RanksConfig(**ranks), training=training, run=run)


@pytest.mark.parametrize(
    ("environ", "launcher"), [(TORCHRUN, "torchrun"), (MPIRUN, "mpirun"), (MPICH, "mpirun"), (SRUN, "srun")]
)
@pytest.mark.parametrize("devices", ["auto", "2"])
def test_each_launcher_says_which_process_this_is(environ, launcher, devices):
    assert find_place(config(devices=devices, num_nodes=2), environ) == Place(3, 4, 1, launcher)


def test_torchrun_inside_a_job_of_slurm_says_it():
    inside = {**TORCHRUN, "SLURM_NTASKS": "2", "SLURM_PROCID": "1"}
    assert find_place(config(devices="auto"), inside) == Place(3, 4, 1, "torchrun")


def test_without_a_launcher_the_processes_are_to_be_started():
    assert find_place(config(devices="2"), {}).is_to_start
    assert find_place(config(devices="auto"), {}) == Place()
    assert find_place(config(), {"WORLD_SIZE": "1", "RANK": "0"}) == Place()


@pytest.mark.parametrize(
    ("ranks", "environ", "said"),
    [
        ({}, SRUN, "SLURM_NTASKS says 4 processes, and --devices 1 --num_nodes 1 means 1 process: give --devices auto"),
        ({"devices": "3"}, TORCHRUN, "WORLD_SIZE says 4 processes, and --devices 3 --num_nodes 1 means 3 processes"),
        ({"devices": "auto", "num_nodes": 3}, TORCHRUN, "WORLD_SIZE says 4 processes, which --num_nodes 3 does not"),
        ({"devices": "2"}, {"WORLD_SIZE": "2"}, "WORLD_SIZE says 2 processes, and RANK is not set"),
        ({"devices": "2", "num_nodes": 2}, {}, "--num_nodes 2 needs a launcher"),
        ({"devices": "3"}, {}, "--batch_size 8 can't be shared equally by 3 processes: give --batch_size 9"),
        ({"devices": "2", "device": "cuda:1"}, {}, "--device cuda:1 is for one process"),
    ],
)
def test_flags_that_disagree_are_refused(ranks, environ, said):
    with pytest.raises(UserError) as refused:
        find_place(config(**ranks), environ)
    assert str(refused.value).startswith(said)
