"""`pretrain.main --before`: several recipes in a row, by one command."""

import pytest
import torch
from datasets import write_folder
from tiny import SYNTHETIC, TINY

from common.config import recipes
from common.config.load import load_config
from common.run.checkpoint import load_handover
from pretrain.before import train_before
from pretrain.config import config_class
from pretrain.main import main as pretrain

SHORT = "epochs: 1\nbatch_size: 8\nperceptual_weight: 0\n"
PATCHES = f"# python -m pretrain.main --recipe patches\n# hidden patches\npretext: mask\ntarget: hog\n{SHORT}"
NOISE = f"# python -m pretrain.main --recipe noise\n# noise\npretext: denoise\n{SHORT}"
LAST = ["--pretext", "plain", "--perceptual_weight", "0", "--epochs", "1"]


@pytest.fixture(autouse=True)
def _short_recipes(tmp_path, monkeypatch):
    folder = tmp_path / "configs" / "pretrain"
    folder.mkdir(parents=True)
    (folder / "patches.yaml").write_text(PATCHES)
    (folder / "noise.yaml").write_text(NOISE)
    monkeypatch.setattr(recipes, "CONFIGS", tmp_path / "configs")


@pytest.fixture
def photographs(tmp_path):
    return ["--data_dir", str(write_folder(tmp_path / "photographs", 12))]


def row(photographs, folder, *more):
    return [*TINY, *photographs, *LAST, "--before", "patches", "noise", *more, "--output_dir", str(folder)]


def settings(words):
    return load_config(config_class(), words, prog="")


def test_a_row_is_its_trainings_one_by_one_to_the_last_bit(photographs, tmp_path):
    assert pretrain(row(photographs, tmp_path / "ae")) == 0
    alone, begun = [*TINY, *photographs], []
    for name, words in {"1": ["--recipe", "patches"], "2": ["--recipe", "noise"], "3": LAST}.items():
        assert pretrain([*alone, *words, *begun, "--output_dir", str(tmp_path / name)]) == 0
        begun = ["--start_from", str(tmp_path / name)]
    for one, other in {"ae-1-patches": "1", "ae-2-noise": "2", "ae": "3"}.items():
        found, expected = (load_handover(tmp_path / folder / "ae.pth").sections for folder in (one, other))
        assert found.keys() == expected.keys()
        for part, tensors in expected.items():
            assert all(torch.equal(found[part][key], tensor) for key, tensor in tensors.items())


def test_a_row_goes_on_with_what_is_there_by_the_same_command(photographs, tmp_path, capsys):
    assert pretrain(row(photographs, tmp_path / "ae")) == 0
    before = (tmp_path / "ae-1-patches" / "ae.pth").stat().st_mtime_ns
    (tmp_path / "ae").rename(tmp_path / "away")
    capsys.readouterr()
    assert pretrain(row(photographs, tmp_path / "ae")) == 0
    assert f"the run in {tmp_path / 'ae-1-patches'} is finished" in capsys.readouterr().out.replace("\n  ", " ")
    assert (tmp_path / "ae-1-patches" / "ae.pth").stat().st_mtime_ns == before


def test_the_run_of_another_row_is_not_taken_for_a_step_of_this_one(photographs, tmp_path, capsys):
    assert pretrain(row(photographs, tmp_path / "ae")) == 0
    (tmp_path / "ae").rename(tmp_path / "away")
    assert pretrain(row(photographs, tmp_path / "ae", "--channels", "1")) == 2
    said = capsys.readouterr().err.replace("\n  ", " ")
    assert f"{tmp_path / 'ae-1-patches'} was trained with other settings (--channels was 3, is 1)" in said


def test_a_finished_row_is_resumed_as_a_run(photographs, tmp_path, capsys):
    assert pretrain(row(photographs, tmp_path / "ae")) == 0
    capsys.readouterr()
    assert pretrain(["--resume", "--output_dir", str(tmp_path / "ae")]) == 0
    assert capsys.readouterr().out.startswith(f"the run in {tmp_path / 'ae'} is finished")


def test_the_trainings_of_a_row_share_images_network_and_minutes(tmp_path):
    given = settings(["--before", "patches", "noise", "--minutes", "30", "--widths", "8", "16", "--lr", "0.1"])
    asked = []
    last, code = train_before(given, tmp_path / "ae", lambda argv=None: asked.append(list(argv or ())) or 0)
    first, second = map(settings, asked)
    assert code == 0
    assert [one.training.minutes for one in (first, second, last)] == [10, 10, 10]
    assert [one.model.widths for one in (first, second, last)] == [(8, 16)] * 3
    assert [one.pretext.pretext for one in (first, second, last)] == ["mask", "denoise", given.pretext.pretext]
    assert [one.training.lr for one in (first, last)] == [settings([]).training.lr, 0.1]
    assert [one.start_from for one in (first, second, last)] == [
        None, tmp_path / "ae-1-patches", tmp_path / "ae-2-noise",
    ]  # fmt: skip
    assert last.handover.before == ()


@pytest.mark.parametrize(("code", "told"), [(2, ""), (130, "the same command goes on with what is there\n")])
def test_a_row_ends_with_the_training_that_does_not(code, told, tmp_path, capsys):
    asked = []
    given = settings(["--before", "patches", "noise"])
    assert train_before(given, tmp_path, lambda argv=None: asked.append(argv) or code)[1] == code
    assert len(asked) == 1
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--before", "patchs"], "--before patchs is none of those that --list_recipes names"),
        (["--before", "patches", "--devices", "2", "--device", "cpu"], "--before trains one recipe after the other in"),
    ],
)
def test_a_row_that_cannot_be_is_refused_before_the_first_training(words, sentence, tmp_path, capsys):
    assert pretrain([*TINY, *SYNTHETIC, *words, "--output_dir", str(tmp_path / "ae")]) == 2
    assert sentence in capsys.readouterr().err.replace("\n  ", " ")
    assert not list(tmp_path.glob("ae*"))
