"""README and docs: every command parses, every flag, path and link exists, and the Python of the README runs."""

import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
from code_blocks import PAGES, ROOT, code_blocks, prose
from datasets import photo
from PIL import Image

from common.config.load import load_config
from recon2seg.__main__ import COMMANDS, Entry
from transfer.config import TransferConfig


def settings(entry: Entry) -> type:
    """The config class of a command."""
    module, name = entry.config.split(":")
    return getattr(import_module(module), name)


KINDS = {
    **{name: settings(entry) for name, entry in COMMANDS.items()},
    **{entry.module.removesuffix(".__main__"): settings(entry) for entry in COMMANDS.values()},
    "benchmarks.tuning": TransferConfig,
}
"""The settings of every command, by its short name and by its module."""
OWN_PARSER = {
    f"benchmarks.{name}"
    for name in (
        "around",
        "coverage",
        "duplicates",
        "predictions",
        "pretexts",
        "pseudo_masks",
        "scorers",
        "shards",
        "speed",
        "suggest",
        "systems",
        "teacher",
    )
}
"""Benchmarks that read their flags by argparse."""
FLAGS_OF_OTHERS = {"--help", "--help_all", "--list_recipes", "--version", "--completion", "--dist"}
PLACEHOLDERS = {"S": "0"}
"""Words of the documentation that stand for a number."""
HISTORY = ROOT / "CHANGELOG.md"
"""It names flags of older versions too."""


def commands() -> Iterator[tuple[str, str]]:
    """Every line that runs the project in a block of commands, with the page that it stands on."""
    for page in PAGES:
        for block in code_blocks(page):
            ours = (line for line in block.splitlines() if line.startswith(("python -m ", "recon2seg ")))
            yield from ((page.name, line.removeprefix("python -m ").removeprefix("recon2seg ")) for line in ours)


def arguments(line: str, words: list[str]) -> list[str]:
    """What a shell would hand over: placeholders replaced, FLAGS left out, a pattern without quotes as two paths."""
    handed = []
    for word in words:
        expanded = "*" in word and f"'{word}'" not in line
        handed += [f"{word}1", f"{word}2"] if expanded else [PLACEHOLDERS.get(word, word)]
    return [word for word in handed if word != "FLAGS"]


def argparse_flags(module: str) -> set[str]:
    """The flags of a benchmark, read from its source."""
    return set(re.findall(r'"(--\w+)"', (ROOT / f"{module.replace('.', '/')}.py").read_text()))


def known_flags() -> set[str]:
    """Every flag of every command."""
    names = {field.name for kind in KINDS.values() for group in vars(kind()).values() for field in fields(group)}
    benchmarks = set().union(*map(argparse_flags, OWN_PARSER))
    return {f"--{prefix}{name}" for name in names for prefix in ("", "no_")} | benchmarks | FLAGS_OF_OTHERS


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_a_command_is_understood_in_the_words_of_this_version(page, line, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    name, *words = shlex.split(line)
    if name in OWN_PARSER:
        assert {word for word in words if word.startswith("--")} <= argparse_flags(name)
        return
    with suppress(SystemExit):  # of a flag that only prints
        load_config(KINDS[name], arguments(line, words), prog=name)
    assert "note: " not in capsys.readouterr().err


def test_a_flag_that_does_not_exist_is_noticed():
    assert "--epochs" in known_flags()
    assert "--saliency_weight" not in known_flags()
    assert "--initialisations" in known_flags()


@pytest.mark.parametrize("page", [page for page in PAGES if page != HISTORY], ids=lambda page: page.name)
def test_a_flag_in_a_sentence_exists(page):
    code = " ".join(re.findall(r"`([^`]+)`", prose(page)))
    assert set(re.findall(r"--\w+", code)) <= known_flags()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_to_a_file_and_to_a_heading(page):
    for target in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", [page for page in PAGES if page != HISTORY], ids=lambda page: page.name)
def test_a_path_of_the_project_exists(page):
    paths = re.findall(r"\b(?:configs|docs|common|pretrain|transfer|tests|benchmarks)/[\w/.-]*\w", page.read_text())
    missing = {path for path in paths if not (ROOT / path).exists()}
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_make_target_exists(page):
    written = page.read_text()
    targets = re.findall(r"^make ([a-z-]+)", "\n".join(code_blocks(page)), flags=re.MULTILINE)
    targets += re.findall(r"`make ([a-z-]+)`", written)
    assert set(targets) <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def test_every_published_system_is_in_the_table_and_no_other():
    named = re.findall(r"`([a-e]_\w+)`", (ROOT / "docs/systems.md").read_text())
    assert set(named) == {path.stem for path in (ROOT / "configs/transfer").glob("[a-e]_*.yaml")}


def test_the_readme_is_one_page():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 120
    assert max(map(len, lines)) <= 100
    assert all(path.stat().st_size < 400_000 for path in (ROOT / "docs/images").iterdir())


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "tests/made_before/transfer", tmp_path / "runs/seg")
    Image.fromarray(photo(height=70, width=90)).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    for block in code_blocks(ROOT / "README.md", "python"):
        exec(block, {})
    assert "(70, 90)" in capsys.readouterr().out
