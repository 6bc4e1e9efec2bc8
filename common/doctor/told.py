"""What the doctor found, for a terminal and for programs."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from common.data.samples import SPLITS
from common.doctor.evidence import Evidence
from common.doctor.finding import Finding, exit_code
from common.errors import abbreviate
from common.report.page import to_jsonable
from common.words import counted

VERSION = 1
"""Of the JSON; it rises when a program that read the last one could stumble."""
LEVELS = {"error": "error", "warning": "warning", "info": "note"}
"""What each level is called."""


def summary(evidence: Evidence) -> dict[str, Any]:
    """What there is, as plain data."""
    classes = evidence.classes
    shares: dict[str, Any] = {}
    for index, name in enumerate(classes.names if classes and evidence.used else ()):
        pixels = {split: evidence.pixels(images)[:, index] for split, images in evidence.splits.items() if images}
        everything = evidence.pixels(evidence.used)
        shares[name] = {
            "pixels": float(everything[:, index].sum() / max(everything.sum(), 1)),
            "images": {split: int((pixels[split] > 0).sum()) if split in pixels else 0 for split in SPLITS},
        }
    sizes = [seen.size for seen in evidence.readable if seen.size]
    return {
        "layout": evidence.folder.layout or None,
        "images": {
            "found": evidence.folder.images,
            "taken": len(evidence.used),
            **{split: len(images) for split, images in evidence.splits.items()},
        },
        "photographs": {
            "found": evidence.others.images,
            "taken": sum(one.size is not None for one in evidence.photographs),
        },
        "image_size": evidence.config.data.image_size,
        "classes": shares,
        "ignored_pixels": _ignored(evidence),
        "brightness": _mean_and_deviation(evidence),
        "widths": _spread([float(width) for width, _ in sizes]),
        "heights": _spread([float(height) for _, height in sizes]),
        "object_sides": _spread(evidence.network_sides.tolist()),
    }


def _ignored(evidence: Evidence) -> float:
    """The share of the pixels that are not labelled."""
    ignored = sum(seen.drawn.ignored for seen in evidence.used if seen.drawn)
    return ignored / max(ignored + int(evidence.pixels(evidence.used).sum()), 1)


def _mean_and_deviation(evidence: Evidence) -> dict[str, float] | None:
    """Of the grey values in [0, 1] of the images with masks, each shrunk to a small square; None of none."""
    greys = [seen.grey for seen in evidence.used if seen.grey is not None]
    if not greys:
        return None
    means, squares = zip(*((grey.mean() / 255, ((grey / 255) ** 2).mean()) for grey in greys), strict=True)
    mean = float(np.mean(means))
    return {"mean": mean, "standard_deviation": float(max(np.mean(squares) - mean**2, 0)) ** 0.5}


def as_json(evidence: Evidence, findings: Sequence[Finding]) -> dict[str, Any]:
    """All that was found, as plain data."""
    config = evidence.config
    return {
        "version": VERSION,
        "data_dir": None if config.data.data_dir is None else str(config.data.data_dir),
        "unlabelled_dir": None if config.doctor.unlabelled_dir is None else str(config.doctor.unlabelled_dir),
        "exit_code": exit_code(findings),
        **summary(evidence),
        "findings": [_plain(finding) for finding in findings],
    }


def _plain(finding: Finding) -> dict[str, Any]:
    pictures = [[str(path) for path in row] for row in finding.pictures]
    return to_jsonable({**vars(finding), "pictures": pictures})


def _taken(what: str, found: int, taken: int) -> str:
    return counted(found, what) + (f", of which {found - taken} cannot be used" if taken < found else "")


def lines(evidence: Evidence, findings: Sequence[Finding]) -> Iterator[str]:
    """What was found, for a terminal."""
    there = summary(evidence)
    if evidence.folder.images:
        parts = ", ".join(f"{there['images'][split]} {split}" for split in SPLITS)
        yield f"{there['layout']}: {_taken('image', evidence.folder.images, len(evidence.used))}; {parts}"
        wide = max([18, *map(len, there["classes"])])
        if there["classes"]:  # of images that none can use there are none
            yield f"  {'class':<{wide}} {'pixels':>7}  images that show it"
        for name, share in there["classes"].items():
            images = ", ".join(f"{count} {split}" for split, count in share["images"].items())
            yield f"  {name:<{wide}} {share['pixels']:7.1%}  {images}"
        if there["ignored_pixels"]:
            yield f"  {'ignored':<{wide}} {there['ignored_pixels']:7.1%}  of all pixels"
    if evidence.others.images:
        yield f"{_taken('photograph', evidence.others.images, there['photographs']['taken'])} without masks"
    if there["widths"]:
        sides = [
            f"{side}s {low:.0f} to {high:.0f}" for side in ("width", "height") for low, _, high in [there[f"{side}s"]]
        ]
        yield f"sizes: median {there['widths'][1]:.0f} x {there['heights'][1]:.0f}, {', '.join(sides)}"
    for finding in findings:
        yield short(f"{LEVELS[finding.level]}: {finding.sentence}{_named(finding)}", evidence)
        if finding.advice:
            yield short(f"  do: {finding.advice}", evidence)
    yield verdict(findings)


def verdict(findings: Sequence[Finding]) -> str:
    """How many things are wrong, in a sentence."""
    errors, warnings = (sum(finding.level == level for finding in findings) for level in ("error", "warning"))
    if not errors + warnings:
        return "nothing is wrong with these data"
    return f"{counted(errors, 'error')} and {counted(warnings, 'warning')}"


def short(line: str, evidence: Evidence) -> str:
    """A line in which the folder of the data set stands before no name."""
    for folder in (evidence.config.data.data_dir, evidence.config.doctor.unlabelled_dir):
        line = line if folder is None else line.replace(f"{folder}{os.sep}", "")
    return line


def _named(finding: Finding) -> str:
    told = [name for name in finding.names if name not in finding.sentence]
    return f": {abbreviate(told)}" if told else ""


def _spread(values: Sequence[float]) -> list[float]:
    """The smallest, the median and the largest; none of no values."""
    ordered = sorted(values)
    return [ordered[0], ordered[len(ordered) // 2], ordered[-1]] if ordered else []
