"""The provenance of a run: its command, settings, versions and data."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Protocol, runtime_checkable

import yaml

from common.config.parse import value_of
from common.config.renames import underscored
from common.data.pack import Pack
from common.report.blocks import TableCell, code, number, table
from common.report.page import Block
from common.run.bottleneck import bottleneck
from common.run.clock import Spent


@runtime_checkable
class Images(Protocol):
    """Image files that are told apart by their digests."""

    @property
    def digests(self) -> tuple[str, ...]: ...


def fingerprint(images: Images) -> str:
    """A short word for images, whatever their names and order: equal files give equal words."""
    return hashlib.blake2b("".join(sorted(images.digests)).encode(), digest_size=6).hexdigest()


def machine(environment: Mapping[str, Any]) -> dict[str, str]:
    """Start time, machine, number format and package versions of a run, from its environment.json."""
    about = {
        name: environment.get(name)
        for name in ("started", "commit", "platform", "precision", "threads", "gpu", "python")
    }
    return {name: str(which) for name, which in {**about, **environment.get("packages", {})}.items() if which}


def anew(command: str) -> str:
    """The command that makes a run again, also of one that went on with `--resume`: then by the settings of the run."""
    if "--resume" not in command:
        return command
    words = [underscored(word) for word in shlex.split(command)]
    folder = value_of(words, "--output_dir")
    if "--resume" not in words or folder is None:
        return command
    program = takewhile(lambda word: not word.startswith("--"), words)
    return shlex.join([*program, "--config", f"{folder}/config.yaml"])


def time_blocks(parts: Mapping[str, Spent]) -> list[Block]:
    """Where the time of a training went, part by part; nothing where it was not measured."""
    whole = sum(spent.wall_seconds for spent in parts.values())
    if whole == 0:
        return []
    rows = [
        [
            part,
            number(spent.cpu_seconds, ",.1f"),
            number(spent.wall_seconds, ",.1f"),
            number(spent.wall_seconds / whole, ".1%"),
        ]
        for part, spent in parts.items()
    ]
    note = "Forward, loss, backward and optimizer are those of the updates. Report includes the pictures of epochs."
    note = f"{bottleneck(parts)}. {note}"
    return [table("Where the time went", ["part", "CPU seconds", "seconds", "share"], rows, note=note, width="half")]


def repeating(
    environment: Mapping[str, Any],
    settings: Mapping[str, Any] | None,
    packs: Mapping[str, Pack],
    *,
    evaluation: str = "",
) -> Sequence[Block]:
    """Command, data, versions and settings of a training as blocks; first the command of its `evaluation`, if any."""
    of_training = " of the training" if evaluation else ""
    data = [[split, number(len(pack), ",d"), TableCell(fingerprint(pack))] for split, pack in packs.items()]
    versions = [[name, which] for name, which in machine(environment).items()]
    blocks = [code("Command of this evaluation", evaluation)] if evaluation else []
    blocks.append(code(f"Command{of_training}", anew(str(environment.get("command", "not recorded")))))
    if data:
        note = "The fingerprint depends on the bytes of the image files, not on their names."
        blocks.append(table("Data", ["images", "count", "fingerprint"], data, note=note, width="half"))
    if versions:
        blocks.append(table(f"Versions and machine{of_training}", ["item", "version"], versions, width="half"))
    if settings is not None:
        blocks.append(
            code(
                f"Settings{of_training} (YAML for --config)",
                yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True),
            )
        )
    return blocks
