"""What a training took: time by part, and memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.run.clock import Spent
from common.run.plain_data import Positive, from_json

RESOURCES = "resources.json"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a training took, as in its resources.json; None for what was not measured."""

    train_seconds: Positive | None = None
    device: str | None = None
    parts: Mapping[str, Spent] = field(default_factory=dict)
    """By `common.run.clock.PARTS`; empty in older runs."""
    bottleneck: str | None = None
    """What most of the time went into, and the setting that helps, see `common.run.bottleneck`."""
    peak_memory_mib: Positive | None = None
    peak_gpu_memory_mib: Positive | None = None


def read_resources(folder: Path) -> Resources:
    """What the run in a folder took; nothing where it has no resources.json. Raises UserError for a damaged one."""
    path = folder / RESOURCES
    return from_json(Resources, path) if path.exists() else Resources()
