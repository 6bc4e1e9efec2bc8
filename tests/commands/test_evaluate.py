"""`transfer.evaluate`: the figures of a finished run again."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from run_checks import metrics, now_with, same
from tiny import SYNTHETIC, TRANSFER

from common.config.load import unflatten
from common.run.checkpoint import load_handover, save_handover
from transfer import load_model
from transfer.config import TransferConfig
from transfer.evaluate.__main__ import main as evaluate
from transfer.evaluate.before import find_origin
from transfer.main import main as transfer


def test_evaluate_repeats_the_test_figures_of_the_run_exactly(seg, tmp_path, capsys):
    assert evaluate(["--model_path", str(seg / "best.pth"), "--output_dir", str(tmp_path / "again")]) == 0
    assert metrics(tmp_path / "again")["test"] == metrics(seg)["test"]
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Guessing background for every pixel has mean IoU ") for line in said)
    assert any(line.startswith(("Trained 2 epochs", "The last of 2 epochs")) for line in said)
    assert "warning: too few to tell: 6 test images" in said
    assert said[-1].startswith("next: python -m transfer.main --data_dir IMAGES_AND_MASKS ")


def test_no_second_page_of_the_same_images_is_written_beside_the_run(seg, tmp_path, capsys):
    shutil.copytree(seg, tmp_path / "run")
    assert evaluate(["--model_path", "run"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "report: run/report.html" in said
    assert "note: the run's own report shows these images; --output_dir writes a page beside these figures" in said
    assert (tmp_path / "run/evaluation-test/metrics.json").exists()
    assert not (tmp_path / "run/evaluation-test/report.html").exists()
    figures = {path.name for path in (tmp_path / "run/evaluation-test/figures").iterdir()}
    assert figures == {"confusion.png", "samples.png"}, "nothing is measured for a page that is not written"


def test_the_page_of_a_training_that_goes_on_is_no_page_of_its_test_images(seg, tmp_path, capsys):
    shutil.copytree(seg, tmp_path / "run")
    marker = (tmp_path / "run/run.json").read_text()
    (tmp_path / "run/run.json").write_text(marker.replace('"finished": true', '"finished": false'))
    assert evaluate(["--model_path", "run", "--no_report"]) == 0
    assert "report: run/report.html" not in capsys.readouterr().out


def test_a_network_of_another_epoch_has_a_page_of_its_own_that_does_not_call_it_the_best(seg, tmp_path, capsys):
    shutil.copytree(seg, tmp_path / "run")
    shutil.copy(tmp_path / "run/best.pth", tmp_path / "run/epoch_0001.pth")
    assert evaluate(["--model_path", "run/epoch_0001.pth", "--visualize_samples", "0"]) == 0
    told = capsys.readouterr().out
    page = (tmp_path / "run/evaluation-test/report.html").read_text()
    assert "the run's own report shows these images" not in told
    assert not [words for words in ("is the best", "Validation improved") if words in told + page]


def test_the_mean_iou_of_training_is_that_of_the_images_as_they_were_trained_on():
    fixed = ["--norm", "group", "--decoder_norm", "group", "--dropout", *["0"] * 6, "--decoder_dropout", *["0"] * 5]
    plain = ["--hflip", "0", "--rotate", "0", "--scale", "0", "--translate", "0", "--jitter", "0", "--lr", "1e-12"]
    assert transfer([*TRANSFER, *SYNTHETIC, *fixed, *plain, "--output_dir", "still"]) == 0
    assert evaluate(["--model_path", "still", "--split", "train", "--no_report"]) == 0
    with Path("still/metrics.csv").open() as file:
        told = [float(row["train/mean_iou"]) for row in csv.DictReader(file)]
    assert told == pytest.approx([metrics(Path("still/evaluation-train"))["train"]["mean_iou"]] * 2)


def test_evaluate_takes_the_flags_of_system_a_as_typed_there(seg, tmp_path):
    words = [
        "--model_path",
        seg,
        "--batch_size",
        4,
        "--num_workers",
        1,
        "--device",
        "cpu",
        "--output_dir",
        tmp_path / "out",
    ]
    switches = ["--visualize_samples", "--analyze_latent_space"]
    assert evaluate([*map(str, words), *switches]) == 0
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    drawn = {"confusion.png", "quality.png", "samples.png", "latents.png"}
    assert figures == {*drawn, "activation_maps.png", "features_before.png", "features_after.png"}


def origin_of(run: Path):
    model = load_model(run, "cpu")
    return find_origin(model, unflatten(TransferConfig, model.handover.provenance.config, source=run))


@pytest.fixture
def both(ae, seg, tmp_path):
    """Copies of both phases' runs, the second with the first for its encoder."""
    for name, run in (("ae", ae), ("seg", seg)):
        shutil.copytree(run, tmp_path / name)
    now_with(tmp_path / "seg", pretrained_encoder="ae")
    return tmp_path / "ae/ae.pth", tmp_path / "seg"


def test_the_encoder_before_training_is_the_one_that_the_network_began_with(both):
    file, run = both
    first = load_handover(file)
    source = origin_of(run).source
    assert source is not None
    assert same(source.encoder.state_dict(), first.sections["encoder"])
    later = {**first.provenance.environment, "started": "2999-01-01T00:00:00+0000"}
    for other, why in (
        (replace(first, task=replace(first.task, skips="none")), "has another record than what the network"),
        (replace(first, provenance=replace(first.provenance, train_images=("a",))), "was trained on other images than"),
        (replace(first, provenance=replace(first.provenance, environment=later)), "was trained later than the network"),
    ):
        save_handover(other, file)
        assert origin_of(run).source is None
        assert origin_of(run).why_not.startswith("The encoder before training is not shown: ae/ae.pth (pretext ")
        assert f") {why}" in origin_of(run).why_not


def test_leaks_are_counted_by_what_taught_the_network_and_not_by_a_pretraining_in_its_place(both, tmp_path, capsys):
    file, _ = both
    first = load_handover(file)
    assert evaluate(["--model_path", "seg", "--split", "all", "--output_dir", "before"]) == 0
    leaks = [line for line in capsys.readouterr().out.splitlines() if "LEAK" in line]
    assert (tmp_path / "before/figures/features_before.png").exists()
    save_handover(replace(first, provenance=replace(first.provenance, train_images=("a",))), file)
    assert evaluate(["--model_path", "seg", "--split", "all", "--output_dir", "after"]) == 0
    assert leaks == [line for line in capsys.readouterr().out.splitlines() if "LEAK" in line] != []
    assert not (tmp_path / "after/figures/features_before.png").exists()
    assert (
        "was trained on other images than what the network began with" in (tmp_path / "after/report.html").read_text()
    )
