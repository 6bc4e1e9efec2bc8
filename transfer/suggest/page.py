"""The page of the suggestions: pictures, reasons, and how uncertain all images are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from common.report.blocks import Axis, Chart, Series, album, code, number, table
from common.report.images import photograph
from common.report.page import Block, Notice, Page, Tile
from common.run.environment import typed_command
from common.words import counted
from transfer.suggest.choice import Suggested
from transfer.suggest.pictures import Picture

LEAD = (
    "Each image as it is, under the draft of the network, and where the network is uncertain (bright). Copies are in "
    "images/, drafts in drafts/."
)


def write_page(
    suggested: Sequence[Suggested],
    pictures: Sequence[Picture],
    curve: Float64[np.ndarray, " n"],
    path: Path,
    *,
    notes: Sequence[str],
    steps: Sequence[str],
) -> Path:
    """Write the page; `curve` is the uncertainty of all images, highest first. Returns where it is."""
    chosen = [one.candidate.judged.uncertainty for one in suggested]
    page = Page(
        title="What to label next",
        kicker=f"recon2seg · suggestions from {counted(len(curve), 'image')} without a mask",
        verdict=f"{counted(len(suggested), 'image')} that the network is uncertain of, spread over what it sees.",
        tiles=[
            Tile("suggested", str(len(suggested)), f"of {counted(len(curve), 'image')}"),
            Tile("their uncertainty", f"{np.mean(chosen):.3f}", "mean of the suggestions, from 0 to 1"),
            Tile("that of all", f"{curve.mean():.3f}", "mean of all images"),
        ],
        notices=[Notice(sentence, "note") for sentence in notes],
        next=steps,
    )
    page.add("Images", lambda: [_album(suggested, pictures)], LEAD)
    page.add("Reasons", lambda: [_reasons(suggested), _curve(suggested, curve)])
    page.add("How to repeat it", lambda: [code("Command", typed_command())])
    page.write(path)
    return path


def _album(suggested: Sequence[Suggested], pictures: Sequence[Picture]) -> Block:
    entries = [
        ([photograph(one) for one in picture], f"{image.rank}. {image.candidate.key}")
        for image, picture in zip(suggested, pictures, strict=True)
    ]
    return album("", entries)


def _reasons(suggested: Sequence[Suggested]) -> Block:
    rows = [
        [
            number(one.rank, ".0f"),
            one.candidate.key,
            number(one.candidate.judged.uncertainty, ".3f"),
            number(one.candidate.rank, ".0f"),
            one.nearest or "-",
            number(one.distance, ".2f"),
        ]
        for one in suggested
    ]
    heads = ["rank", "image", "uncertainty", "place by it", "nearest known image", "distance to it"]
    note = (
        "The order is that of the choice: each time the candidate farthest from what is labelled or chosen by then. "
        "The distance is in the space of the encoder."
    )
    return table("Why these", heads, rows, note=note)


def _curve(suggested: Sequence[Suggested], curve: Float64[np.ndarray, " n"]) -> Block:
    places = [one.candidate.rank for one in suggested]
    chosen = [one.candidate.judged.uncertainty for one in suggested]
    names = [one.candidate.key for one in suggested]
    series = [
        Series("all images", np.arange(1, len(curve) + 1), curve),
        Series("suggested", places, chosen, points=True, text=names),
    ]
    chart = Chart(Axis("images, the most uncertain first", min=0), Axis("uncertainty", min=0), series)
    return chart.block("Uncertainty of all images")
