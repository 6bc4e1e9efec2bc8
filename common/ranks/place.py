"""Which of how many processes this one is, by what a launcher says and the flags want. Imports no torch."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

from common.config.ranks import RanksConfig
from common.errors import UserError
from common.say import follow
from common.words import counted

INSTALL = "pip install 'recon2seg[ranks]'"
STARTED = "RECON2SEG_WATCHED"
"""The variable by which processes that `common.ranks.launch` started know it; it holds the number of the watcher."""


class Launcher(NamedTuple):
    """The variables by which a launcher tells a process its place."""

    name: str
    world: str
    rank: str
    local_rank: str


LAUNCHERS = (
    Launcher("torchrun", "WORLD_SIZE", "RANK", "LOCAL_RANK"),
    Launcher("mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"),
    Launcher("mpirun", "PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID"),
    Launcher("srun", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID"),
)
"""Those of Open MPI, then those of MPICH and Intel MPI; the first that is there counts."""


@dataclass(frozen=True)
class Place:
    """One process of a training."""

    rank: int = 0
    world: int = 1
    """The number of processes on all computers."""
    local_rank: int = 0
    """Its number on its computer."""
    launcher: str = ""
    """Who started the processes; "" while nobody has."""

    @property
    def is_alone(self) -> bool:
        """Whether the training is this process alone."""
        return self.world == 1

    @property
    def is_to_start(self) -> bool:
        """Whether the processes are still to be started."""
        return self.world > 1 and not self.launcher


@contextmanager
def said_once() -> Iterator[None]:
    """Inside the context only the first of several processes speaks, which a launcher has started alike."""
    launcher = _launcher(os.environ)
    if launcher is None or _number(os.environ, launcher.rank) == 0:
        yield
        return
    follow("")
    try:
        yield
    except UserError:
        raise SystemExit(2) from None


def find_place(config: Any, environ: Mapping[str, str] | None = None) -> Place:
    """The place of this process in the training that the settings ask for.

    Raises UserError where a launcher and the flags disagree, and where the settings are not for several processes.
    """
    environ = os.environ if environ is None else environ
    ranks: RanksConfig = config.ranks
    launcher = _launcher(environ)
    if launcher is None:
        place = Place(world=_local(ranks, config.run.device) * ranks.num_nodes)
        if place.world > 1 and ranks.num_nodes > 1:
            raise UserError(
                f"--num_nodes {ranks.num_nodes} needs a launcher that starts the command on each computer: torchrun, "
                "srun or mpirun"
            )
    else:
        place = _launched(launcher, ranks, environ)
    if not place.is_alone:
        _refuse(config, place)
    return place


def _launcher(environ: Mapping[str, str]) -> Launcher | None:
    return next((one for one in LAUNCHERS if _number(environ, one.world) > 1), None)


def _launched(launcher: Launcher, ranks: RanksConfig, environ: Mapping[str, str]) -> Place:
    world = _number(environ, launcher.world)
    wanted = "" if ranks.devices == "auto" else f"--devices {ranks.devices} --num_nodes {ranks.num_nodes}"
    if wanted and int(ranks.devices) * ranks.num_nodes != world:
        means = counted(int(ranks.devices) * ranks.num_nodes, "process")
        raise UserError(
            f"{launcher.world} says {world} processes, and {wanted} means {means}: give --devices auto, or start "
            f"the command without {launcher.name} (or unset {launcher.world})"
        )
    if world % ranks.num_nodes:
        raise UserError(f"{launcher.world} says {world} processes, which --num_nodes {ranks.num_nodes} does not divide")
    if launcher.rank not in environ:
        raise UserError(f"{launcher.world} says {world} processes, and {launcher.rank} is not set: see to both")
    rank = _number(environ, launcher.rank)
    local = (
        _number(environ, launcher.local_rank) if launcher.local_rank in environ else rank % (world // ranks.num_nodes)
    )
    return Place(rank, world, local, launcher.name)


def _number(environ: Mapping[str, str], name: str) -> int:
    value = environ.get(name, "")
    return int(value) if value.isdecimal() else 0


def _local(ranks: RanksConfig, device: str) -> int:
    """The processes on this computer, without a launcher."""
    return int(ranks.devices) if ranks.devices != "auto" else max(gpus_for(device), 1)


def gpus_for(device: str) -> int:
    """The number of GPUs on this computer that --device may mean."""
    if device not in ("auto", "cuda"):
        return 0
    import torch  # now: --help needs no torch

    return torch.cuda.device_count()


def _refuse(config: Any, place: Place) -> None:
    """Raise UserError for settings that are not for so many processes."""
    many = f"{place.world} processes"
    sizes = {"batch_size": config.training.batch_size}
    if (pool := getattr(config, "pool", None)) is not None and pool.unlabelled_dir is not None:
        sizes["pool_batch_size"] = pool.pool_batch_size
    for flag, size in sizes.items():
        if size % place.world:
            near = max(round(size / place.world), 1) * place.world
            raise UserError(f"--{flag} {size} can't be shared equally by {many}: give --{flag} {near}")
    if config.training.compile:
        raise UserError(f"--compile is for one process, and there are {many}: leave it out")
    if config.run.device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {config.run.device} is for one process, and there are {many}: give cuda or cpu")
    if getattr(config.data, "all_folds", False):
        raise UserError(f"--folds trains one fold after the other in one process, not {many}: add --fold 1, 2, ...")
    if find_spec("lightning_fabric") is None:
        raise UserError(f"{many} need Lightning Fabric: {INSTALL}")
