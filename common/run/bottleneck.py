"""What a training spends most of its time on, and the setting that saves the most of it."""

from collections.abc import Mapping

from common.run.clock import Spent

KINDS = {
    "computing": ("picture", "forward", "loss", "backward", "optimizer"),
    "reading images": ("data",),
    "validation": ("validation",),
    "saving": ("saving",),
    "figures and pages": ("report",),
}
"""The parts of `common.run.clock.PARTS`, by what saves time in them."""
TOLERABLE = {"reading images": 0.2, "validation": 0.1, "saving": 0.05, "figures and pages": 0.15}
"""The largest share of a training that each should take; what takes more of it than that is its bottleneck."""
SHORTER = {
    "computing": "a smaller --image_size, or --precision bf16 if it is off and the device has units for it",
    "reading images": "fewer of --rotate, --scale and --jitter augment it faster",
    "validation": "--epochs N beside --updates validates N times",
    "saving": "--epochs N beside --updates saves N times",
    "figures and pages": "--no_report leaves the pages out",
}


def bottleneck(parts: Mapping[str, Spent]) -> str | None:
    """The kind of work that limits a training, its share of the time, and what helps; None where nothing was timed.

    That is what most exceeds its tolerable share, else the computing.
    """
    whole = sum(spent.wall_seconds for spent in parts.values())
    if whole == 0:
        return None
    shares = {kind: sum(_seconds(parts, name) for name in names) / whole for kind, names in KINDS.items()}
    kind = max(TOLERABLE, key=lambda name: shares[name] / TOLERABLE[name])
    if shares[kind] <= TOLERABLE[kind]:
        kind = "computing"
    return f"{shares[kind]:.0%} of the time was {kind}: {SHORTER[kind]}"


def _seconds(parts: Mapping[str, Spent], name: str) -> float:
    return parts[name].wall_seconds if name in parts else 0.0
