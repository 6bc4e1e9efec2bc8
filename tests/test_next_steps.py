"""The next commands that a run prints are ones that its reader can copy."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.config.groups import LabelledDataConfig, RunConfig
from common.config.load import load_config
from common.run.next_step import command_line
from pretrain.config import PretrainConfig
from pretrain.next_steps import after_pretraining
from transfer.config import EncoderConfig, TransferConfig
from transfer.evaluate.config import EvaluateConfig
from transfer.metrics.scores import Scores
from transfer.next_steps import after_training
from transfer.predict.config import PredictConfig
from transfer.report.headline import constant_guess
from transfer.study.config import StudyConfig

KINDS = {
    "transfer.main": TransferConfig,
    "transfer.evaluate": EvaluateConfig,
    "transfer.predict": PredictConfig,
    "transfer.study": StudyConfig,
}
MINE = LabelledDataConfig(data_dir=Path("my data"), image_size=96)


def module_of(line: str) -> str:
    """The module of a command, whose words are all understood."""
    python, dash, module, *words = shlex.split(line)
    assert (python, dash) == ("python", "-m")
    load_config(KINDS[module], words, prog=module)
    return module


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (PretrainConfig(), ["python -m transfer.main --pretrained_encoder ae.pth"]),
        (
            PretrainConfig(data=MINE, run=RunConfig(output_dir=Path("runs/a e"))),
            ["python -m transfer.main --data_dir IMAGES_AND_MASKS --image_size 96 --pretrained_encoder 'runs/a e'"],
        ),
    ],
)
def test_phase_1_names_the_command_of_phase_2(config, said):
    folder = config.run.output_dir or Path("runs/ae")
    assert after_pretraining(config, folder) == said
    assert [module_of(line) for line in said] == ["transfer.main"]


@pytest.mark.parametrize(
    ("data", "encoder", "images", "modules"),
    [
        (LabelledDataConfig(), None, 600, ["transfer.evaluate"]),
        (MINE, None, 600, ["transfer.predict"]),
        (MINE, None, 20, ["transfer.predict", "transfer.main"]),
        (replace(MINE, folds=5, fold=1), None, 20, ["transfer.predict"]),
        (MINE, Path("a e.pth"), 600, ["transfer.predict", "transfer.study"]),
    ],
)
def test_phase_2_names_predictions_and_a_surer_answer(data, encoder, images, modules):
    config = TransferConfig(data=data, encoder=EncoderConfig(pretrained_encoder=encoder))
    assert [module_of(line) for line in after_training(config, Path("runs/my run"), images=images)] == modules


def test_words_are_quoted_for_a_shell_and_what_is_none_is_left_out():
    assert command_line("a.b", "c d", "e", x=1, y=[]) == "python -m a.b 'c d' e --x 1 --y"
    assert command_line("a.b", x="p q", y=None, z=[1, "o=$x"]) == "python -m a.b --x 'p q' --z 1 'o=$x'"


def test_a_constant_guess_is_the_commonest_class_everywhere():
    counts = np.array([[[6, 0, 0], [1, 2, 0], [0, 0, 0]], [[0, 3, 0], [0, 0, 0], [0, 0, 0]]])
    said = constant_guess(Scores(counts, ("background", "cat", "dog")))
    assert said == f"Guessing background for every pixel has mean IoU {9 / 12 / 2:.3f}"
    assert constant_guess(Scores(counts * 0, ("background", "cat", "dog"))) == ""
