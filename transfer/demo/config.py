"""The settings of `python -m transfer.demo`. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from common.config.groups import RunConfig
from common.config.network import NetworkOption, SizeOptions
from common.errors import UserError

LOOPBACK = ("127.0.0.1", "localhost")
"""Addresses that no other machine reaches."""


@dataclass(frozen=True)
class DemoOptions(SizeOptions, NetworkOption):
    """The trained network, and where its page is."""

    port: Annotated[int, Field(ge=0, le=65535)] = 7860
    """Port of the page; 0 takes any that is free."""
    host: str = "127.0.0.1"
    """Address of the page; only this machine reaches the default, 0.0.0.0 is for all of its network."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""

    @property
    def network(self) -> Path:
        """The network as it was named."""
        assert self.model_path is not None, "check() asks for it"
        return self.model_path

    @property
    def private(self) -> bool:
        """Whether no other machine reaches the page."""
        return self.host in LOOPBACK

    def check(self) -> None:
        """Raise UserError when no network is named, and for a device that does not exist."""
        if self.model_path is None:
            raise UserError("--model_path is missing: give the folder of a run of transfer.main, or its best.pth")
        RunConfig(device=self.device).check()


@dataclass(frozen=True)
class DemoConfig:
    """Try a trained network on a page in the browser: an image in, its mask out."""

    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.demo --model_path runs/seg",
        "python -m transfer.demo --model_path best.pth --port 8000",
        "python -m transfer.demo --model_path runs/seg --tile 512",
    )

    demo: DemoOptions = DemoOptions()

    def check(self) -> None:
        """Raise UserError as `DemoOptions.check`."""
        self.demo.check()
