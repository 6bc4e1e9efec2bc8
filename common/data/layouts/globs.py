"""Any other layout: patterns of --images and --masks that say which files are which."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from common.data.layouts.folders import Tree, split_in
from common.data.layouts.layout import Find, Found, splits_note
from common.data.layouts.pairing import as_one_mask
from common.data.listing import MASK_SUFFIXES, list_files
from common.data.samples import Sample
from common.errors import UserError, abbreviate

TOKEN = re.compile(r"\*\*/|\*|\?|\{stem\}|\{parent\}")
MEANS = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]", "{stem}": "(?P<stem>[^/]+?)", "{parent}": "(?P<parent>.+?)"}
OUTLINES = ".txt"


def by_patterns(images: str, masks: str) -> Find:
    """Images and masks by patterns of their paths: {stem} and {parent} of a mask's are those of its image.

    Where a pattern does not say them, they are the name of the file without its suffix, and its folder.
    """

    def find(tree: Tree) -> Found:
        files, passed_over = list_files(tree.root, (*MASK_SUFFIXES, OUTLINES))
        drawn = _matching(masks, files) if masks else {}
        pictures = {name: said for name, said in _matching(images, files).items() if name not in drawn}
        told_by = [word for word in ("parent", "stem") if f"{{{word}}}" in masks] or ["stem"]
        keys = {name: tuple(said[word] for word in told_by) for name, said in pictures.items()}
        homes = {key: name for name, key in keys.items()}
        if len(homes) < len(keys) and masks:
            twice = [name for name, key in keys.items() if homes[key] != name]
            raise UserError(
                f"--images finds several images of one {{stem}}: {abbreviate(twice)}; add their folder, {{parent}}, to "
                "--masks"
            )
        parts: dict[str, list[tuple[str, Path]]] = {}
        strays = []
        for name, said in drawn.items():
            home = homes.get(tuple(said[word] for word in told_by))
            if home is None:
                strays.append(files[name])
            else:
                parts.setdefault(home, []).append((name, files[name]))
        samples = [
            Sample(_key(name), files[name], as_one_mask(parts[name]) if name in parts else None, {}, split_in(name))
            for name in pictures
        ]
        return Found(
            samples=samples,
            strays=strays,
            where=f"--masks {masks} finds {len(drawn)} files: {abbreviate(drawn)}",
            notes=splits_note(samples),
            passed_over=passed_over,
        )

    return find


def _matching(pattern: str, files: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    """The files that a pattern finds, with the stem and the parent of each."""
    words, at = [], 0
    for token in TOKEN.finditer(pattern):
        words += [re.escape(pattern[at : token.start()]), MEANS[token[0]]]
        at = token.end()
    try:
        like = re.compile("".join([*words, re.escape(pattern[at:])]))
    except re.error:
        raise UserError(f"the pattern {pattern} holds {{stem}} or {{parent}} twice: once is enough") from None
    found = {name: match for name in files if (match := like.fullmatch(name))}
    return {
        name: {"stem": PurePosixPath(name).stem, "parent": PurePosixPath(name).parent.as_posix(), **match.groupdict()}
        for name, match in found.items()
    }


def _key(name: str) -> str:
    return name.rpartition(".")[0]
