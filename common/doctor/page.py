"""The page of the doctor: what was found, with pictures, and what there is."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from common.data.samples import SPLITS
from common.doctor.augmented import augmented
from common.doctor.evidence import Evidence
from common.doctor.finding import Finding, Level
from common.doctor.pictures import ON_SHEET, chosen, picture_of, under_mask
from common.doctor.told import short, summary, verdict
from common.errors import UserError
from common.report.blocks import Axis, Chart, Series, album, code, number, table, text
from common.report.images import photograph
from common.report.page import Block, Page, Tile
from common.report.selection import some_of
from common.run.environment import typed_command
from common.words import counted

SHOWN = 12
"""Pictures, or pairs of them, of one finding."""
NAMED = 50
"""Names that one finding has on the page, at most; findings.json has all."""
BINS = 40


def write_page(evidence: Evidence, findings: Sequence[Finding], path: Path) -> None:
    """Write the page. Raises OSError where it can't be written."""
    there = summary(evidence)
    folder = evidence.config.data.data_dir or evidence.config.doctor.unlabelled_dir
    assert folder is not None, "the settings ask for one"
    page = Page(
        title=f"{folder.resolve().name}: what the doctor found",
        kicker=f"recon2seg · check of {counted(len(evidence.seen) + len(evidence.photographs), 'image')}",
        verdict=f"{verdict(findings).capitalize()}.",
        tiles=[
            Tile("images", f"{there['images']['found']:,}", f"{there['images']['taken']:,} can be trained on"),
            *(Tile(split, f"{there['images'][split]:,}", "images") for split in SPLITS),
            *(
                [Tile("photographs", f"{there['photographs']['found']:,}", "without masks")]
                if evidence.photographs
                else []
            ),
        ],
    )
    _add(page, "Errors", "error", evidence, findings)
    _add(page, "Warnings", "warning", evidence, findings)
    if evidence.used:
        page.add("Classes", lambda: _classes(there))
        page.add("Images", lambda: [_images(evidence)])
        page.add("Augmentation", lambda: [augmented(evidence)])
    if evidence.readable:
        page.add("Sizes and brightness", lambda: _measures(evidence))
    page.add("How to repeat it", lambda: [code("Command", typed_command())])
    page.write(path)


def _add(page: Page, title: str, level: Level, evidence: Evidence, findings: Sequence[Finding]) -> None:
    those = [finding for finding in findings if finding.level == level]
    page.add(title, lambda: [block for finding in those for block in _blocks(finding, evidence)])


def _blocks(finding: Finding, evidence: Evidence) -> list[Block]:
    """The words of a finding, its pictures, and all names in a table."""
    title = short(finding.sentence, evidence)
    note = short(f"What to do: {finding.advice}.", evidence) if finding.advice else ""
    names = [short(name, evidence) for name in finding.names]
    if not names:
        return [text(*([note] if note else []), title=title)]
    if not finding.pictures:
        note = some_of(min(len(names), NAMED), len(names), "the first") + note
        return [table(title, ["name"], [[name] for name in names[:NAMED]], note=note)]
    shown = list(zip(finding.pictures, names, strict=True))[:SHOWN]
    channels = evidence.config.data.channels
    entries = [([picture_of(path, channels=channels) for path in paths], name) for paths, name in shown]
    return [album(title, entries, note=some_of(len(shown), len(names), "the first") + note)]


def _classes(there: dict) -> list[Block]:
    rows = [
        [name, number(share["pixels"], ".1%"), *(number(share["images"][split], ",d") for split in SPLITS)]
        for name, share in there["classes"].items()
    ]
    heads = ["class", "share of the labelled pixels", *(f"{split} images" for split in SPLITS)]
    return [table("What the masks show", heads, rows)]


def _images(evidence: Evidence) -> Block:
    """Images under their masks."""
    assert evidence.classes is not None, "images that are used have masks"
    entries = []
    some = chosen(evidence.used, ON_SHEET)
    for seen in some:
        with suppress(UserError):
            picture = photograph(under_mask(seen, evidence.classes, channels=evidence.config.data.channels))
            entries.append(([picture], f"{short(seen.name, evidence)} ({seen.split})"))
    return album("", entries, note=some_of(len(some), len(evidence.used), "evenly from all of them"))


def _measures(evidence: Evidence) -> list[Block]:
    sizes = np.array([seen.size for seen in evidence.readable])
    names = [short(seen.name, evidence) for seen in evidence.readable]
    points = Series("images", sizes[:, 0], sizes[:, 1], points=True, text=names)
    blocks = [
        Chart(Axis("width in pixels", min=0), Axis("height in pixels", min=0), [points]).block("Sizes", width="half")
    ]
    values = np.array([seen.brightness for seen in evidence.readable])
    blocks.append(_histogram("Brightness", "mean grey value of an image", values, (0, 1)))
    if len(evidence.objects):
        size = evidence.config.data.image_size
        sides = evidence.network_sides
        blocks.append(
            _histogram(
                f"Objects at --image_size {size}", "side in pixels of the network", sides, (0, float(sides.max()))
            )
        )
    return blocks


def _histogram(title: str, what: str, values: np.ndarray, ends: tuple[float, float]) -> Block:
    counts, edges = np.histogram(values, bins=BINS, range=ends)
    line = Series("count", np.repeat(edges, 2)[1:-1], np.repeat(counts, 2).astype(float))
    return Chart(Axis(what), Axis("count", min=0), [line]).block(title, width="half")
