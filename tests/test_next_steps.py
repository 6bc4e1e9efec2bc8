"""The next commands that a run prints are ones that its reader can copy."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.config.groups import DataConfig, LabelledDataConfig, RunConfig
from common.config.load import load_config, save_config
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import save_handover
from common.run.next_step import command_line, last_lines, longer
from common.run.records import PretrainingRecord
from common.say import fitted_command
from pretrain.config import PretrainConfig
from pretrain.evaluate.config import EvaluateConfig as LookConfig
from pretrain.evaluate.config import LookOptions
from pretrain.model import Autoencoder
from pretrain.next_steps import after_evaluation as after_look
from pretrain.next_steps import after_pretraining
from tests.records import autoencoder_handover
from transfer.config import EncoderConfig, LabelConfig, TransferConfig
from transfer.evaluate.config import EvaluateConfig
from transfer.gradcam.config import GradCamConfig, GradCamOptions
from transfer.metrics.scores import Scores
from transfer.next_steps import after_evaluation, after_explanation, after_prediction, after_training
from transfer.pool.config import PoolConfig
from transfer.predict.config import PredictConfig, PredictOptions
from transfer.report.headline import constant_guess
from transfer.study.config import StudyConfig

KINDS = {
    "pretrain.main": PretrainConfig,
    "pretrain.evaluate": LookConfig,
    "transfer.gradcam": GradCamConfig,
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
        (PretrainConfig(), "python -m transfer.main --pretrained_encoder ae.pth"),
        (
            PretrainConfig(data=MINE, run=RunConfig(output_dir=Path("runs/a e"))),
            "python -m transfer.main --data_dir IMAGES_AND_MASKS --image_size 96 --pretrained_encoder 'runs/a e'",
        ),
    ],
)
def test_phase_1_names_the_command_of_phase_2_and_one_that_looks_into_the_encoder(config, said):
    lines = after_pretraining(config, config.run.output_dir or Path("runs/ae"))
    assert lines[0] == said
    assert [module_of(line) for line in lines] == ["transfer.main", "pretrain.evaluate"]


@pytest.mark.parametrize(
    ("own", "given", "labelled", "data"),
    [
        (None, None, True, None), (Path("a"), None, False, "IMAGES_AND_MASKS"), (Path("a"), None, True, "a"),
        (Path("a"), Path("b"), True, "b"), (None, Path("b"), True, "b"), (None, Path("b"), False, "IMAGES_AND_MASKS"),
    ],
)  # fmt: skip
def test_after_looking_into_an_encoder_comes_a_training_on_the_masks_that_are_there(own, given, labelled, data):
    config = PretrainConfig(data=DataConfig(data_dir=own, channels=1))
    options = LookOptions(model_path=Path("runs/ae"), data_dir=given)
    (line,) = after_look(config, options, labelled=labelled)
    parsed = load_config(TransferConfig, shlex.split(line)[3:], prog="")
    assert str(parsed.data.data_dir) == str(data)
    assert parsed.encoder.pretrained_encoder == Path("runs/ae")
    assert parsed.data.channels == (3 if data is None else 1)


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


def test_the_next_training_repeats_the_settings_that_were_typed():
    typed = ["--data_dir", "d", "--image_size", "64", "--widths", "8", "8", "--dropout", "0", "0", "--no_weighted_ce"]
    config = load_config(TransferConfig, [*typed, "--updates", "30", "--device", "cpu"], prog="")
    _, folds = after_training(config, Path("runs/seg"), images=20)
    again = load_config(TransferConfig, shlex.split(folds)[3:], prog="")
    assert again == replace(
        config,
        data=replace(config.data, folds=5),
        run=replace(config.run, device="auto", output_dir=Path("runs/folds")),
    )
    own = replace(config, encoder=EncoderConfig(pretrained_encoder=Path("ae.pth"), transfer="outlines"))
    _, study = after_training(own, Path("runs/seg"), images=600)
    planned = load_config(StudyConfig, shlex.split(study)[3:], prog="")
    assert planned.study.initialisations == ("scratch", "own=ae.pth+outlines")
    assert (planned.data.image_size, planned.model, planned.updates) == (64, config.model, 40)


def test_a_surer_answer_of_a_training_with_photographs_has_them_too_and_leaves_out_what_is_tested():
    pool, encoder = PoolConfig(unlabelled_dir=Path("photographs")), EncoderConfig(pretrained_encoder=Path("ae.pth"))
    config = TransferConfig(data=MINE, encoder=encoder, pool=pool)
    _, folds = after_training(config, Path("runs/seg"), images=20)
    parsed = load_config(TransferConfig, shlex.split(folds)[3:], prog="")
    assert parsed.pool == replace(pool, leave_out_tests=True)
    _, study = after_training(config, Path("runs/seg"), images=600)
    planned = load_config(StudyConfig, shlex.split(study)[3:], prog="")
    assert planned.study.initialisations == ("scratch+pool", "own=ae.pth+pool")
    assert planned.pool == pool


def test_folds_that_follow_a_training_in_minutes_have_as_many_minutes_each():
    config = load_config(TransferConfig, ["--data_dir", "d", "--minutes", "3"], prog="")
    _, folds = after_training(config, Path("runs/seg"), images=20)
    assert "--minutes 15.0 --folds 5 " in folds


@pytest.mark.parametrize("same", [True, False])
def test_after_few_masks_comes_a_training_with_the_photographs_of_the_pretraining(same, tmp_path):
    encoder = UNetEncoder(widths=(4,) * 6)
    model = Autoencoder(encoder, UNetDecoder(encoder.channels, encoder.strides))
    photographs = tmp_path / ("my data" if same else "my photographs")
    file = autoencoder_handover(model, PretrainingRecord(pretext="plain"))
    origin = replace(
        file.provenance, config={"data_dir": str(photographs)}, train_images=tuple("abcdefghijklmnopqrstuvwx")
    )
    save_handover(replace(file, provenance=origin), tmp_path / "ae.pth")
    data = LabelledDataConfig(data_dir=tmp_path / "my data", image_size=96)
    config = TransferConfig(data=data, encoder=EncoderConfig(pretrained_encoder=tmp_path / "ae.pth"))
    assert len(after_training(config, Path("runs/seg"), images=600, masks=20)) == 2
    photographs.mkdir()
    _, hint, _ = after_training(config, Path("runs/seg"), images=600, masks=20)
    parsed = load_config(TransferConfig, shlex.split(hint)[3:], prog="")
    assert parsed.pool == PoolConfig(unlabelled_dir=photographs, leave_out_tests=True)
    assert replace(parsed, pool=config.pool, run=config.run) == config
    assert max(map(len, fitted_command("next: ", hint.replace(str(tmp_path), "of"), 80).splitlines())) <= 80
    assert len(after_training(config, Path("runs/seg"), images=600, masks=200)) == 2
    assert len(after_training(parsed, Path("runs/seg"), images=600, masks=20)) == 2
    save_handover(replace(file, provenance=replace(origin, train_images=("a",))), tmp_path / "ae.pth")
    assert len(after_training(config, Path("runs/seg"), images=600, masks=20)) == 2, "fewer than an update sees"


def test_after_scores_comes_the_baseline_of_a_pretrained_encoder_and_then_their_comparison():
    encoder = EncoderConfig(pretrained_encoder=Path("ae.pth"), freeze_epochs=3)
    config = TransferConfig(data=MINE, encoder=encoder, labels=LabelConfig(label_fraction=0.5))
    look, baseline = after_evaluation(config, Path("runs/seg"), images=20)
    assert module_of(look) == "transfer.gradcam"
    parsed = load_config(TransferConfig, shlex.split(baseline)[3:], prog="")
    assert (parsed.encoder, parsed.labels) == (EncoderConfig(like=Path("ae.pth")), config.labels)
    compare, _ = after_training(parsed, Path("runs/scratch"), images=20)
    assert compare == "python -m transfer.compare RUN_WITH_PRETRAINED_ENCODER runs/scratch"
    plain = after_evaluation(TransferConfig(data=MINE), Path("runs/seg"), images=20)
    assert [module_of(line) for line in plain] == ["transfer.gradcam", "transfer.main"]
    (embedded,) = after_evaluation(TransferConfig(encoder=encoder), Path("runs/seg"), images=600)
    assert embedded == "python -m transfer.main --data_dir IMAGES_AND_MASKS --pretrained_encoder ae.pth"


def test_masks_and_activation_maps_of_the_same_images_follow_each_other():
    options = PredictOptions(model_path=(Path("runs/seg"),), input=Path("my images"), output=Path("out/masks"))
    (maps,) = after_prediction(options)
    for checked in (False, True):
        assert module_of(maps) == "transfer.gradcam"
        parsed = load_config(GradCamConfig, shlex.split(maps)[3:], prog="").gradcam
        assert (parsed.input, parsed.output, parsed.sanity_check) == (
            options.input,
            Path("out/activation_maps"),
            checked,
        )
        (maps,) = after_explanation(parsed, checked=checked)
    assert maps == "python -m transfer.predict --model_path runs/seg --input 'my images' --output out/predictions"


def test_what_follows_the_pages_of_stacks_reads_them_as_they_were_read():
    predict = PredictOptions(model_path=(Path("runs/seg"),), input=Path("in"), output=Path("out"), pages="all")
    (maps,) = after_prediction(predict)
    parsed = load_config(GradCamConfig, shlex.split(maps)[3:], prog="").gradcam
    assert parsed.pages == "all"
    for checked in (False, True):
        assert "--pages all" in after_explanation(parsed, checked=checked)[0]


@pytest.mark.parametrize("given", [".", "..", "a/..", "/"])
def test_what_follows_results_in_this_folder_goes_beside_it(given):
    predict = PredictOptions(model_path=(Path("runs/seg"),), input=Path("in"), output=Path(given))
    explain = GradCamOptions(model_path=Path("runs/seg"), input=Path("in"), output=Path(given))
    (maps,), (masks,) = after_prediction(predict), after_explanation(explain, checked=True)
    beside = Path(given).resolve().parent
    assert load_config(GradCamConfig, shlex.split(maps)[3:], prog="").gradcam.output == beside / "activation_maps"
    assert load_config(PredictConfig, shlex.split(masks)[3:], prog="").predict.output == beside / "predictions"


def test_last_lines_are_in_one_order(capsys):
    last_lines("done", "", warnings=["w"], notes=["n"], places={"report": Path("a/b")}, steps=["python -m x"])
    assert capsys.readouterr().out.splitlines() == ["done", "warning: w", "report: a/b", "note: n", "next: python -m x"]


def test_words_are_quoted_for_a_shell_and_what_is_none_is_left_out():
    assert command_line("a.b", "c d", "e", x=1, y=[]) == "python -m a.b 'c d' e --x 1 --y"
    assert command_line("a.b", x="p q", y=None, z=[1, "o=$x"]) == "python -m a.b --x 'p q' --z 1 'o=$x'"
    assert command_line("a.b", x=True, y=False) == "python -m a.b --x --no_y"


def test_a_constant_guess_is_the_commonest_class_everywhere():
    counts = np.array([[[6, 0, 0], [1, 2, 0], [0, 0, 0]], [[0, 3, 0], [0, 0, 0], [0, 0, 0]]])
    names = ("background", "cat", "dog")
    said = constant_guess(counts.sum((0, 2)), names)
    assert said == f"Guessing background for every pixel has mean IoU {9 / 12 / 2:.3f}"
    all_background = np.array([[[9, 0, 0], [3, 0, 0], [0, 0, 0]]])
    assert said.endswith(f"{Scores(all_background, names).mean_iou:.3f}")
    assert constant_guess(counts.sum((0, 2)) * 0, names) == ""


def test_the_fit_is_repeated_as_it_was_typed_and_phase_2_finds_the_rest(tmp_path):
    def configured(**settings):
        return PretrainConfig(data=replace(PretrainConfig().data, data_dir=Path("photos"), **settings))

    crops = configured(fit="crop", scale_to=256)
    assert "--fit crop --scale_to 256 " in after_pretraining(crops, tmp_path)[0]
    assert "--fit" not in after_pretraining(configured(), tmp_path)[0]
    squashed = configured(fit="squash")
    assert "--fit squash" in after_pretraining(squashed, tmp_path)[0]
    by_recipe = replace(squashed, run=replace(squashed.run, recipe="object"))
    assert "--fit" not in after_pretraining(by_recipe, tmp_path)[0]
    options = LookOptions(model_path=tmp_path)
    for settled, flag in ((crops, False), (configured(fit="squash"), False), (configured(fit="pad"), True)):
        (command,) = after_look(settled, options, labelled=False)
        assert ("--fit pad" in command) is flag
        assert ("--fit" in command) is flag


@pytest.mark.parametrize(
    ("told", "done", "minutes"),
    [
        (["--minutes", "3"], 7, 50), (["--updates", "7"], None, 50), (["--epochs", "2"], None, 50),
        ([], 7, 0), (["--minutes", "80"], 7, 0),
        (["--minutes", "3"], 977, None), (["--updates", "2000"], None, None), (["--epoch_updates", "1"], 7, None),
    ],
)  # fmt: skip
def test_a_training_that_was_shorter_than_usual_is_offered_again_in_the_usual_length(told, done, minutes, tmp_path):
    config = load_config(TransferConfig, ["--data_dir", "d", "--image_size", "64", *told], prog="")
    save_config(config, tmp_path / "config.yaml")
    if done:
        (tmp_path / "repeat.yaml").write_text(f"updates: [{done - 1}, 1]")
    found = longer("transfer.main", config, tmp_path, images=262)
    assert [module_of(line) for line in found] == ["transfer.main"] * (minutes is not None)
    for line in found:
        again = load_config(TransferConfig, shlex.split(line)[3:], prog="")
        assert again.training == replace(config.training, updates=(977,), minutes=minutes)
        assert again.data == config.data
        assert again.run.output_dir == Path("runs/longer")
