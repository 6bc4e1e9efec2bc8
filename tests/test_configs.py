"""Every shipped YAML file loads, and says on top how it is run."""

from pathlib import Path

import pytest

from common.config.load import CONFIGS, load_config
from pretrain.config import PretrainConfig
from transfer.config import TransferConfig
from transfer.study.config import StudyConfig

KINDS = {"pretrain": PretrainConfig, "transfer": TransferConfig, "study": StudyConfig}
COMMANDS = {"pretrain": "pretrain.main", "transfer": "transfer.main", "study": "transfer.study"}
FILES = sorted(CONFIGS.rglob("*.yaml"))


def test_there_are_files_for_every_command():
    assert {path.parent.name for path in FILES} >= KINDS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_file_loads_and_opens_with_its_command(path: Path):
    phase = path.parent.name
    load_config(KINDS[phase], ["--config", str(path)], prog="").check()
    assert path.read_text().startswith(f"# python -m {COMMANDS[phase]}")
