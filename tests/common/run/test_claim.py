"""The folder of a training: only a run's files are removed, and nobody else's are replaced."""

from pathlib import Path

import pytest
from run_checks import refusal
from tiny import PRETRAIN, SYNTHETIC

from common.config.load import load_config, save_config
from common.errors import UserError
from common.run.claim import RunFolder
from pretrain.config import PretrainConfig
from pretrain.main import main as pretrain
from transfer.config import TransferConfig


def config(folder: Path, *flags: str) -> TransferConfig:
    return load_config(TransferConfig, ["--output_dir", str(folder), *flags], prog="")


def begun(folder: Path) -> None:
    """The folder of a run that has just begun."""
    with RunFolder("transfer", config(folder)) as held:
        held.begin()
        save_config(held.config, folder / "config.yaml")


def test_a_folder_that_no_run_wrote_is_refused_with_overwrite_too_and_stays(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("m/figures").mkdir(parents=True)
    for name in ("m/resnet50.pth", "m/best.pth", "m/figures/thesis.png"):
        Path(name).touch()
    for flags in ([], ["--overwrite"]):
        said = refusal(pretrain, [*PRETRAIN, *SYNTHETIC, "--output_dir", "m", *flags], capsys)
        assert "which no run wrote" in said


def test_overwriting_removes_what_runs_write_by_name_and_nothing_else(tmp_path):
    begun(tmp_path)
    ours = ["last.pth", "last-1.pth", "epoch_0010.pth", "metrics.json", "figures/curves.png", "figures/pretext_val.png"]
    ours += ["tensorboard/events.out.tfevents.1.host.2.0", "tensorboard/00003/test/tensors.tsv"]
    theirs = [
        "resnet50.pth",
        "figures/thesis.png",
        "notes.txt",
        "tensorboard/mine",
        "epoch_one.pth",
        "evaluation-test/x",
    ]
    for name in [*ours, *theirs]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with RunFolder("transfer", config(tmp_path, "--overwrite")) as held:
        held.clear()
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(theirs)


def test_a_run_is_refused_without_a_word_on_what_to_do_with_it(tmp_path):
    begun(tmp_path)
    with (
        pytest.raises(UserError, match="already holds a run: give --resume, --overwrite"),
        RunFolder("transfer", config(tmp_path)),
    ):
        pass


def test_a_shell_may_keep_the_output_in_the_folder(tmp_path):
    (tmp_path / "log.txt").touch()
    begun(tmp_path)


def test_a_run_is_finished_when_it_is_marked_so(tmp_path):
    begun(tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    for finished in (False, True):
        with RunFolder("transfer", config(tmp_path, "--resume")) as held:
            assert held.finished == finished
            held.finish()


def test_a_run_of_the_other_phase_is_not_resumed(tmp_path):
    begun(tmp_path)
    with (
        pytest.raises(UserError, match=r"a run of transfer\.main"),
        RunFolder("pretrain", config(tmp_path, "--resume")),
    ):
        pass


def test_other_rates_are_taken_up_only_where_a_training_diverged(tmp_path):
    begun(tmp_path)
    slower = config(tmp_path, "--resume", "--lr", "0.001", "--clip_norm", "1")
    with pytest.raises(UserError, match=r"--lr was 0\.003, is 0\.001"), RunFolder("transfer", slower):
        pass
    with RunFolder("transfer", config(tmp_path, "--resume")) as held:
        held.mark(diverged=True)
    with RunFolder("transfer", slower) as held:
        assert "--lr was 0.003, is 0.001" in held.changed
    other = config(tmp_path, "--resume", "--lr", "0.001", "--batch_size", "5")
    with pytest.raises(UserError, match="--batch_size was"), RunFolder("transfer", other):
        pass


@pytest.mark.parametrize(("variable", "count"), [("WORLD_SIZE", "2"), ("SLURM_NTASKS", "8")])
def test_several_processes_are_refused(variable, count, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, count)
    said = refusal(pretrain, [*PRETRAIN, *SYNTHETIC, "--output_dir", "run"], capsys)
    assert f"{variable} says {count}" in said


@pytest.mark.parametrize(
    ("kind", "flag", "name", "removed"),
    [
        (PretrainConfig, "--start_from", "ae.pth", True),
        (PretrainConfig, "--start_from", "", True),
        (TransferConfig, "--pretrained_encoder", "best.pth", True),
        (TransferConfig, "--pretrained_encoder", "fold_2/best.pth", True),
        (TransferConfig, "--pretrained_encoder", "mine.pth", False),
        (TransferConfig, "--pretrained_encoder", "../best.pth", False),
    ],
)
def test_a_run_does_not_remove_the_weights_that_it_begins_with(kind, flag, name, removed, tmp_path):
    folder = tmp_path / "run"
    begun(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()
    words = ["--output_dir", str(folder), "--overwrite", flag, str(folder / name)]
    held = RunFolder("transfer", load_config(kind, words, prog=""))
    if not removed:
        with held:
            return
    with pytest.raises(UserError, match="is in the run that --overwrite removes: give another"), held:
        pass


def test_a_run_goes_on_where_its_photographs_were_moved(tmp_path):
    with RunFolder("transfer", config(tmp_path, "--unlabelled_dir", "here")) as held:
        held.begin()
        save_config(held.config, tmp_path / "config.yaml")
    moved = config(tmp_path, "--resume", "--unlabelled_dir", "there")
    with pytest.raises(UserError, match="--unlabelled_dir was here, is there"), RunFolder("transfer", moved):
        pass
    (tmp_path / "data.json").write_text("{}")  # which says what the photographs were
    with RunFolder("transfer", moved):
        pass
