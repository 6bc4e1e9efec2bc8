"""The Dockerfile fits the project: what it copies, what it installs, whom it runs as, and the commands of its page."""

import re
import shlex
import tomllib
from fnmatch import fnmatch

import pytest
from code_blocks import ROOT, code_blocks
from test_readme import KINDS

from common.config.load import load_config

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
LINES = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
STEPS = [line.split(maxsplit=1) for line in "\n".join(LINES).replace("\\\n", " ").splitlines() if line.strip()]
"""Every instruction with its words."""


def words(instruction: str) -> list[str]:
    return [rest for name, rest in STEPS if name == instruction]


def copied() -> list[str]:
    """What is copied out of the project."""
    return [source for line in words("COPY") for source in line.split()[:-1]]


def test_what_is_copied_is_there_and_let_through():
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert copied()
    for source in copied():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == set(copied())


def test_every_package_and_every_file_that_the_build_reads_is_copied():
    folders = [source for source in copied() if (ROOT / source).is_dir()]
    assert all(any(fnmatch(folder, pattern) for folder in folders) for pattern in PACKAGES)
    assert {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml", "constraints.txt"} <= set(copied())


def test_python_is_one_that_the_project_takes():
    (version,) = re.findall(r"PYTHON=(.+)", "\n".join(words("ARG")))
    least = PROJECT["requires-python"].removeprefix(">=")
    assert [*map(int, version.split("."))] >= [*map(int, least.split("."))]


def test_the_same_pinned_versions_are_installed_as_by_make_setup():
    (install,) = [line for line in words("RUN") if line.startswith("pip install")]
    assert "pip install --quiet -c constraints.txt -e '.[dev]'" in (ROOT / "Makefile").read_text()
    assert shlex.split(install) == ["pip", "install", "-c", "constraints.txt", ".[${EXTRAS}]"]
    (extras,) = re.findall(r"EXTRAS=(.+)", "\n".join(words("ARG")))
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    (pattern,) = re.findall(r"grep -E '(.+)' constraints.txt", "\n".join(words("RUN")))
    pinned = (line for line in (ROOT / "constraints.txt").read_text().splitlines() if re.search(pattern, line))
    assert [line.partition("==")[0] for line in pinned] == ["torch", "torchvision"]


def test_it_runs_the_command_of_the_project_as_a_user_who_may_write_runs_alone():
    (entry,) = words("ENTRYPOINT")
    assert entry == '["recon2seg"]'
    assert "recon2seg" in PROJECT["scripts"]
    assert words("USER") == ["${USER_ID}"]
    assert "USER_ID=1000" in words("ARG")
    assert words("VOLUME") == [f"{words('WORKDIR')[-1]}/runs"]
    assert f"--owner=recon2seg {words('WORKDIR')[-1]}/runs" in "\n".join(words("RUN"))


def docker_commands() -> list[list[str]]:
    """The words behind the image's name, of every line that runs it."""
    blocks = "\n".join(code_blocks(ROOT / "docs/install.md"))
    return [
        shlex.split(line.partition(" recon2seg ")[2]) for line in re.findall(r"^docker run .+", blocks, re.MULTILINE)
    ]


@pytest.mark.parametrize("typed", [typed for typed in docker_commands() if typed != ["--help"]], ids=" ".join)
def test_a_command_of_the_page_is_understood(typed):
    name, *flags = typed
    load_config(KINDS[name], flags, prog=name)


def test_the_commands_of_the_readme_are_on_the_page_with_the_places_of_a_container():
    (own,) = [block for block in code_blocks(ROOT / "README.md") if "--data_dir PHOTOGRAPHS" in block]
    short = {"pretrain.main": "pretrain", "transfer.main": "transfer", "transfer.predict": "predict"}
    expected = []
    for line in own.splitlines():
        module, *flags = shlex.split(line.removeprefix("python -m "))
        places = {"PHOTOGRAPHS": "/data", "LABELLED": "/data", "IMAGES": "/data", "predictions": "runs/predictions"}
        expected.append([short[module], *(places.get(word, word) for word in flags)])
    assert [typed for typed in docker_commands() if typed[0] in short.values()] == expected
