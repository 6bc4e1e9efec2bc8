"""`recon2seg COMMAND`: one name for all commands, and a sentence where another project is in the way."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from recon2seg.__main__ import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, cwd: Path, first: str = "") -> subprocess.CompletedProcess[str]:
    """Python in a folder of its own, with the project on the path."""
    path = os.pathsep.join([*([first] if first else []), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path}
    call = [sys.executable, *words]
    return subprocess.run(call, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_help_shows_every_command_on_one_screen(capsys):
    assert main(["--help"]) == main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 2 * 24
    assert max(map(len, lines)) <= 80
    for name in COMMANDS:
        assert any(line.split()[:1] == [name] for line in lines)


def test_a_full_disk_ends_its_own_answers_in_one_sentence():
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "recon2seg", "--help"]
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: the disk is full (while writing): free some space\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_its_help_and_its_version(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")
    assert main([name, "--version"]) == 0
    assert capsys.readouterr().out.startswith("recon2seg")


def test_a_command_runs_with_its_flags_and_returns_its_exit_code(capsys):
    assert main(["predict", "--model_path", "nowhere"]) == 2
    assert "--input is missing" in capsys.readouterr().err


def test_the_version_is_the_installed_one(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("recon2seg ")


@pytest.mark.parametrize(("word", "said"), [("transfr", "did you mean transfer?"), ("--halp", "see --help")])
def test_an_unknown_command_is_refused_with_the_nearest(word, said, capsys):
    assert main([word]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "offered"),
    [(["recon2seg", "ev"], "evaluate evaluate_pretrain"), (["recon2seg", "transfer", "--label_f"], "--label_fraction")],
)
def test_the_shell_completes_commands_and_flags(typed, offered, tmp_path, capsys):
    assert main(["--completion"]) == 0
    script = capsys.readouterr().out
    words = " ".join(typed)
    asked = f'{script}\nCOMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _recon2seg; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == offered


def test_every_command_is_there_to_run():
    assert all(callable(import_module(entry.module).main) for entry in COMMANDS.values())


@pytest.mark.parametrize("module", ["transfer.main", "pretrain.main", "recon2seg"])
@pytest.mark.parametrize("kind", ["package", "module"])
def test_a_foreign_package_called_common_gives_one_sentence(module, kind, tmp_path):
    file = tmp_path / ("common/__init__.py" if kind == "package" else "common.py")
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise SystemExit('was imported')\n")
    done = run("-m", module, "--help", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: Python finds another package called common (")
    assert str(tmp_path) in done.stderr
    assert "rename the other one" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_foreign_package_is_an_import_error_in_python(tmp_path):
    (tmp_path / "common").mkdir()
    (tmp_path / "common/__init__.py").touch()
    done = run("-c", "import transfer", cwd=tmp_path)
    assert "ImportError: Python finds another package called common" in done.stderr


def test_another_phases_name_in_the_way_gives_one_sentence_too(tmp_path):
    (tmp_path / "transfer.py").touch()
    done = run("-m", "recon2seg", "transfer", "--help", cwd=tmp_path)
    assert done.returncode == 2
    assert "another package called transfer" in done.stderr
