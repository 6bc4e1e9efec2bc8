"""The settings of a training on several processes. Imports no torch."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from common.config.lenient import text_of_number
from common.errors import UserError

Devices = Annotated[str, BeforeValidator(text_of_number)]
"""A number of devices, or auto; see `check_devices`."""


@dataclass(frozen=True)
class RanksConfig:
    """A training on several devices, with a process (a rank) for each; batches are shared among them."""

    devices: Devices = "1"
    """Processes on each computer, a device each; auto is all GPUs, or what a launcher started."""
    num_nodes: Annotated[int, Field(ge=1)] = 1
    """Computers, with as many processes on each."""
    strategy: Literal["auto", "ddp"] = "auto"
    """How processes share a training; auto is ddp: the whole network on each device."""
    sync_batchnorm: bool = True
    """Normalise over the images of all processes, as one process does; else over its own."""

    def check(self) -> None:
        """Raise UserError for a number of devices that is none."""
        check_devices(self.devices)


def check_devices(devices: str) -> None:
    """Raise UserError for a number of devices that is none."""
    if not re.fullmatch(r"auto|[1-9]\d{0,3}", devices):
        raise UserError(f"--devices is {devices!r}: it is auto, or a whole number from 1")
