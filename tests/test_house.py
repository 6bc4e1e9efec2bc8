"""The plan of the house holds: sizes, one-way imports, doors that nobody enters from inside."""

import ast
import sys
import tomllib
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


def modules_imported(path: Path) -> dict[str, bool]:
    """The packages that a file imports, and whether it does so as soon as it is imported itself."""
    tree = ast.parse(path.read_text())
    found: dict[str, bool] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names = [alias.name for alias in aliases]
            case ast.ImportFrom(module=str(module), level=0):
                names = [module]
            case _:
                continue
        for name in names:
            found[name.partition(".")[0]] = found.get(name.partition(".")[0], False) or node in tree.body
    return found


def test_what_is_imported_at_once_comes_with_the_plain_installation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    plain = {Requirement(word).name for word in project["dependencies"]}
    extras = {Requirement(word).name for words in project["optional-dependencies"].values() for word in words}
    by_module = packages_distributions()
    for path in SOURCES:
        for module, at_once in modules_imported(path).items():
            if module not in {*PACKAGES, *sys.stdlib_module_names}:
                known = {canonicalize_name(name) for name in by_module[module]}
                wanted = plain if at_once else plain | extras | {"affine", "onnx"}
                assert known & wanted, f"{path} needs {module}"


def test_no_import_circles(imports):
    tuple(TopologicalSorter(imports).static_order())


def test_nothing_enters_a_command_by_its_door_but_the_shell(imports):
    doors = {module for module in imports if module.endswith((".main", ".__main__"))}
    entered = {(module, door) for module, others in imports.items() for door in others & doors}
    assert entered == set()


def test_weights_are_never_loaded_in_part_without_a_word():
    assert [path for path in SOURCES if "strict=False" in path.read_text()] == []
