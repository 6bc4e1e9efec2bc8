"""What `--help` and `--help_all` show, of every command."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from common.config.help import full_help, short_help
from common.config.load import load_config
from common.config.settings import settings_of

CONFIGS = {
    "pretrain.main": "pretrain.config:PretrainConfig",
    "pretrain.evaluate": "pretrain.evaluate.config:EvaluateConfig",
    "transfer.main": "transfer.config:TransferConfig",
    "transfer.evaluate": "transfer.evaluate.config:EvaluateConfig",
    "transfer.predict": "transfer.predict.config:PredictConfig",
    "transfer.gradcam": "transfer.gradcam.config:GradCamConfig",
    "transfer.demo": "transfer.demo.config:DemoConfig",
    "transfer.compare": "transfer.compare.config:CompareConfig",
    "transfer.study": "transfer.study.config:StudyConfig",
    "common.doctor": "common.doctor.config:DoctorConfig",
    "transfer.analyze": "transfer.analyze.config:AnalyzeConfig",
}
ROOT = Path(__file__).resolve().parents[3]


def config_class(command: str) -> type:
    module, _, name = CONFIGS[command].partition(":")
    return getattr(import_module(module), name)


def page(command: str, make=full_help) -> str:
    kind = config_class(command)
    return make(kind, kind(), f"python -m {command}")


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("command", CONFIGS)
def test_help_is_one_screen_of_80_columns(command):
    lines = page(command, short_help).splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", CONFIGS)
def test_help_all_has_every_setting_in_80_columns(command):
    text = page(command)
    assert max(map(len, text.splitlines())) <= 80
    kind = config_class(command)
    for setting in settings_of(kind, kind()):
        assert setting.flag in text
    assert "None" not in text


@pytest.mark.parametrize("command", CONFIGS)
def test_every_setting_has_one_sentence_of_help(command):
    kind = config_class(command)
    for setting in settings_of(kind, kind()):
        assert setting.help.endswith("."), setting.name
        assert len(setting.help) <= 100, setting.name
        assert ". " not in setting.help, setting.name


@pytest.mark.parametrize("command", CONFIGS)
def test_the_examples_of_a_command_are_three_that_it_accepts(command):
    kind = config_class(command)
    assert len(kind.EXAMPLES) == 3
    for example in kind.EXAMPLES:
        start = f"python -m {command}"
        assert example.startswith(start)
        load_config(kind, example.removeprefix(start).split(), prog=start)


def test_a_long_example_is_broken_as_a_shell_wants_it():
    text = page("transfer.gradcam", short_help)
    assert "--output b \\\n      --sanity_check\n" in text


def test_data_run_model_and_training_come_first():
    for command in ("pretrain.main", "transfer.main"):
        kind = config_class(command)
        groups = list(dict.fromkeys(setting.group for setting in settings_of(kind, kind())))
        known = [group for group in groups if group in ("data", "run", "model", "training")]
        assert groups[:2] == ["data", "run"]
        assert known == ["data", "run", "model", "training"]
        assert max(map(groups.index, known)) <= 5


def test_study_shows_nothing_that_it_refuses():
    kind = config_class("transfer.study")
    names = {setting.name for setting in settings_of(kind, kind())}
    assert not names & kind.HIDDEN
    assert {"initialisations", "dropout", "dice_weight"} <= names


def test_the_help_of_a_study_says_which_folder_is_its_own():
    said = " ".join(page("transfer.study").split())
    assert "Folder of the study, which several processes may share. [study]" in said
    assert "Folder of the run" not in said


def test_help_shows_the_values_of_the_given_file(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("epochs: 77\n")
    with pytest.raises(SystemExit) as stop:
        load_config(config_class("transfer.main"), ["--config", f"{tmp_path}/mine.yaml", "--help"], prog="x")
    assert stop.value.code == 0
    assert "[77]" in capsys.readouterr().out


def test_a_metavar_is_plain():
    kind = config_class("transfer.main")
    flags = {setting.name: setting.flag for setting in settings_of(kind, kind())}
    assert flags["data_dir"] == "--data_dir PATH"
    assert flags["val_share"] == "--val_share X"
    assert flags["decoder_widths"] == "--decoder_widths N ..."
    assert (flags["amp"], flags["report"]) == ("--amp", "--[no_]report")


@pytest.mark.parametrize("columns", ["5", "39", "60", "200"])
@pytest.mark.parametrize("flag", ["--help", "--help_all", "-h", "--help-all"])
def test_any_terminal_gets_an_answer(columns, flag, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        load_config(config_class("transfer.main"), [flag], prog="python -m transfer.main")
    assert "--data_dir" in capsys.readouterr().out


def test_a_bad_flag_on_a_very_narrow_terminal_is_refused():
    environment = {**os.environ, "COLUMNS": "5"}
    code = "from transfer.main import main; import sys; sys.exit(main(['--data_dir', 'x', '--lr', 'fast']))"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (told.returncode, told.stderr) == (2, "error: --lr is\n  'fast': it takes a\n  number\n")


@pytest.mark.parametrize("command", CONFIGS)
def test_help_answers_without_importing_torch(command):
    module = command if command.endswith(".main") else f"{command}.__main__"
    code = f"import sys, {module} as m\ntry: m.main(['--help'])\nexcept SystemExit: print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.startswith(f"usage: python -m {command}")
    assert answer.stdout.strip().endswith("False")
