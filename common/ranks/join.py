"""A process joins the others of its training, and they agree before they begin."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

from torch import distributed

from common.config.load import as_typed, flatten
from common.data.record import DataRecord, data_changes
from common.errors import LostRankError, UserError
from common.ranks import group
from common.ranks.place import STARTED, Place
from common.run.claim import MAY_CHANGE, RunFolder
from common.say import aside, follow, follows, lead
from common.terminal import CONSOLE

PORT = 29400
"""Where ranks meet, on Slurm a port further on for each job, unless MASTER_PORT says another one."""
MEETING = timedelta(minutes=10)
"""How long ranks wait for each other to come."""
PATIENCE = timedelta(days=1)
"""How long ranks wait for rank 0, which reads, validates and draws; a rank that is lost is noticed at once."""


@contextmanager
def joined(place: Place, config: Any) -> Iterator[None]:
    """Inside the context the processes of a training are connected, and those but rank 0 are silent.

    Raises UserError where they were started with different settings.
    """
    if place.is_alone:
        yield
        return
    _end_with_the_watcher()
    follow(f"rank {place.rank}") if place.rank else lead()
    CONSOLE.quiet = follows()
    aside(f"ranks: {place.world}, started by {'--devices' if STARTED in os.environ else place.launcher}")
    _connect(place, config)
    refuse_other_settings(config)
    yield
    distributed.destroy_process_group()


def _connect(place: Place, config: Any) -> None:
    from lightning_fabric import Fabric  # now: a training of one process needs no Fabric
    from lightning_fabric.plugins.environments import TorchElasticEnvironment
    from lightning_fabric.strategies import DDPStrategy

    from common.engine.device import find_device

    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    device = find_device(config.run.device)
    names = {"RANK": place.rank, "WORLD_SIZE": place.world, "LOCAL_RANK": place.local_rank}
    names |= {
        "MASTER_ADDR": _address(config.ranks.num_nodes),
        "MASTER_PORT": PORT + int(os.environ.get("SLURM_JOB_ID", 0)) % 10_000,
    }
    for name, value in names.items():
        os.environ.setdefault(name, str(value))
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    fabric = Fabric(
        accelerator=device.type,
        devices=place.world // config.ranks.num_nodes,
        num_nodes=config.ranks.num_nodes,
        strategy=DDPStrategy(process_group_backend=backend, timeout=MEETING),
        plugins=[TorchElasticEnvironment()],
    )
    try:
        fabric.launch()
    except RuntimeError as error:
        told = f"not all of {place.world} ranks came to {os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise LostRankError(f"{told} ({str(error).splitlines()[0][:120]}): start all of them") from None
    distributed.set_timeout(PATIENCE)


def _address(nodes: int) -> str:
    """Where rank 0 is. Raises UserError where nobody says so."""
    from lightning_fabric.plugins.environments import SLURMEnvironment

    if listed := os.environ.get("SLURM_NODELIST"):
        return SLURMEnvironment.resolve_root_node_address(listed)
    if nodes > 1 and "MASTER_ADDR" not in os.environ:
        raise UserError("several computers need MASTER_ADDR, the address of that of rank 0: set it")
    return "127.0.0.1"


def refuse_other_settings(config: Any) -> None:
    """Raise UserError where a rank was started with other settings than rank 0, but for those of its own."""
    told = group.each(flatten(config))
    for rank, other in enumerate(told):
        for name, value in told[0].items():
            if name not in MAY_CHANGE - {"devices", "num_nodes", "output_dir"} and other[name] != value:
                theirs, ours = as_typed(other[name]), as_typed(value)
                _all_raise(f"--{name} is {ours} for rank 0 and {theirs} for rank {rank}: start all with the same flags")


def refuse_other_data(images: DataRecord) -> None:
    """Raise UserError where a rank found other images than rank 0: digests by split and name."""
    told = group.each(images)
    for rank, other in enumerate(told):
        if different := data_changes(told[0], other):
            _all_raise(f"rank {rank} has other images than rank 0 ({different}): give all ranks the same --data_dir")


def _all_raise(sentence: str) -> None:
    """End all processes with a sentence, which rank 0 says."""
    if group.rank():
        raise SystemExit(2)
    raise UserError(sentence)


@contextmanager
def agreed() -> Iterator[None]:
    """Where the work of the context is refused in one process, all end, and rank 0 says the first refusal."""
    refusal = None
    try:
        yield
    except UserError as error:
        if group.count() == 1:
            raise
        refusal = str(error)
    told = [sentence for sentence in group.each(refusal) if sentence is not None] if group.count() > 1 else []
    if told:
        _all_raise(told[0])


@contextmanager
def in_turn() -> Iterator[None]:
    """`agreed`, and rank 0 is done before others begin: they find in the cache what it has put there."""
    if group.count() == 1:
        yield
        return
    if group.rank():
        with agreed():
            pass
    with agreed():
        yield
    if not group.rank():
        with agreed():
            pass


@contextmanager
def held_run(phase: str, config: Any, **known: Any) -> Iterator[RunFolder]:
    """The folder of a run: rank 0 holds it, and tells the others what is there, who never write."""
    with ExitStack() as stack:
        held = RunFolder(phase, config, **known)
        with agreed():
            if group.rank() == 0:
                stack.enter_context(held)
        path, marker, changed = group.same((held.path, held.marker, held.changed))
        if group.rank():
            held.follow(path, marker, changed)
        yield held


def _end_with_the_watcher() -> None:
    """End this process when that which started it is gone: then nobody notices a rank that is lost."""
    if STARTED not in os.environ:
        return
    watcher = int(os.environ[STARTED])

    def look() -> None:
        while os.getppid() == watcher:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
