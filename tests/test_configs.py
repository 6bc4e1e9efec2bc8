"""Every shipped YAML file loads, and says on top how it is run."""

from pathlib import Path

import pytest

from common.config.load import load_config
from common.config.recipes import CONFIGS
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


def test_settings_of_recipes_that_no_file_uses_are_flags():
    flags = ["--focal_weight", "0.5", "--warmup_epochs", "1.5", "--data_dir", "x"]
    config = load_config(TransferConfig, flags, prog="")
    assert (config.loss.focal_weight, config.optim.warmup_epochs) == (0.5, 1.5)


def test_the_old_word_for_the_encoder_and_the_decoder_is_understood(capsys):
    flags = ["--transfer", "all", "--pretrained_encoder", "ae.pth", "--data_dir", "x"]
    assert load_config(TransferConfig, flags, prog="").encoder.transfer == "encoder+decoder"
    assert "note: --transfer all is now --transfer encoder+decoder" in capsys.readouterr().err
