"""Every shipped YAML file loads, and says on top how it is run."""

from pathlib import Path

import pytest

from common.config import CONFIGS, load_config
from pretrain.config import PretrainConfig
from transfer.config import TransferConfig

KINDS = {"pretrain": PretrainConfig, "transfer": TransferConfig}
FILES = sorted(CONFIGS.rglob("*.yaml"))


def test_there_are_files_for_both_phases():
    assert {path.parent.name for path in FILES} >= KINDS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_file_loads_and_opens_with_its_command(path: Path):
    phase = path.parent.name
    load_config(KINDS[phase], ["--config", str(path)], prog="")
    assert path.read_text().startswith(f"# python -m {phase}.main")
