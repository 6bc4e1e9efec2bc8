"""Recipes: the settings files that come with the program, by name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError, nearest

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
BOTH = ("published", "general", "object", "distil")
"""The recipes of both phases, in the order of the lists."""
TITLE = re.compile(r"# (.+?)(?: \[(.+)\])?")
WORTH = {
    "transfer": (
        "Figures: test mean IoU, pets against background at 128 x 128 pixels, after",
        "20 epochs (pets_autoencoder, pets_scratch: 10; few_*: 2 or 4); docs/systems.md.",
    ),
    "pretrain": (
        "Figures: gain in test mean IoU over scratch, phase 2 with 262 masks of pets at",
        "64 x 64 pixels (published: one seed; the others: three); docs/results.md.",
    ),
}
"""What the figures are."""


@dataclass(frozen=True)
class Recipe:
    """A file of settings, as its first two lines describe it: `# COMMAND --recipe NAME`, `# WORDS [FIGURE]`."""

    path: Path
    name: str
    words: str
    figure: str
    """A measured score; "" without one."""


def recipes(phase: str) -> list[Recipe]:
    """The recipes of a folder in configs/ (transfer, pretrain or study), those of both phases first."""
    found = [_read(path) for path in sorted((CONFIGS / phase).glob("*.yaml"))]
    return sorted(found, key=lambda one: BOTH.index(one.name) if one.name in BOTH else len(BOTH))


def recipe_file(phase: str, word: str, *, flag: str = "--recipe") -> Path:
    """The file of a recipe by its name, or by the name of its file. Raises UserError for another word."""
    known = {name: recipe.path for recipe in recipes(phase) for name in (recipe.path.stem, recipe.name)}
    if word not in known:
        raise UserError(f"{flag} {word} is none of those that --list_recipes names{nearest(word, list(known))}")
    return known[word]


def list_of(phase: str) -> Iterator[str]:
    """Every recipe in a line of 80 letters."""
    found = recipes(phase)
    width, most = (max(len(getattr(one, part)) for one in found) for part in ("name", "words"))
    for one in found:
        yield f"{one.name:{width}}  {one.words:{most}}  {one.figure}".rstrip()
    yield ""
    if any(one.figure for one in found):
        yield from WORTH[phase]
    yield f"Files: {found[0].path.parent}"


def _read(path: Path) -> Recipe:
    command, title, *_ = path.read_text(encoding="utf-8").splitlines()
    name, words = re.search(r"--recipe (\w+)", command), TITLE.fullmatch(title)
    assert words is not None, f"{path} has no title"
    return Recipe(path, name[1] if name else path.stem, words[1], words[2] or "")
