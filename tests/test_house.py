"""The plan of the house holds: sizes, one-way imports, doors that nobody enters from inside."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("recon2seg", "common", "pretrain", "transfer")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """What every module imports of the project, inside functions too."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_phase_2_has_at_most_14_files_at_its_top_level():
    assert len(list((ROOT / "transfer").glob("*.py"))) <= 14


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_fits_one_sitting_and_a_function_one_screen(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 260
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in long.items() if lines > 50} == {}


def test_no_import_circles(imports):
    tuple(TopologicalSorter(imports).static_order())


def test_nothing_enters_a_command_by_its_door_but_the_shell(imports):
    doors = {module for module in imports if module.endswith((".main", ".__main__"))}
    entered = {(module, door) for module, others in imports.items() for door in others & doors}
    assert entered == set()


def test_weights_are_never_loaded_in_part_without_a_word():
    assert [path for path in SOURCES if "strict=False" in path.read_text()] == []
