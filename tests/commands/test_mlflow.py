"""MLflow, in a store of its own: what reaches it is what metrics.csv says, and a resumed run goes on there."""

import csv
import sys
from pathlib import Path

import pytest
from run_checks import power_cut
from tiny import SYNTHETIC, TINY

from common.run.loggers import MLflow
from transfer.main import main as transfer

WORDS = [*TINY, *SYNTHETIC, "--epochs", "2", "--logger", "mlflow", "--output_dir", "run"]


@pytest.fixture
def client(monkeypatch):
    """The store of the test's working folder."""
    store = f"sqlite:///{Path.cwd()}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mlflow = pytest.importorskip("mlflow")
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(None)


def rows() -> list[dict[str, str]]:
    with Path("run/metrics.csv").open() as table:
        return list(csv.DictReader(table))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the packages' own
def test_every_epoch_reaches_mlflow(client):
    assert transfer(WORDS) == 0
    (experiment,) = client.search_experiments(filter_string="name = 'recon2seg'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id == Path("run/mlflow_id.txt").read_text()
    assert (run.info.run_name, run.info.status, run.data.tags["phase"]) == ("run", "FINISHED", "transfer")
    assert run.data.params["image_size"] == "64"
    for name in ("val/mean_iou", "train/loss"):
        told = {point.step: point.value for point in client.get_metric_history(run.info.run_id, name)}
        assert told == {int(row["epoch"]): pytest.approx(float(row[name])) for row in rows()}
    pictures = [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    assert sum("segmentations" in path and path.endswith(".png") for path in pictures) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_resumed_run_goes_on_with_its_record_and_one_begun_anew_has_another(client):
    with power_cut(after=1):
        transfer(WORDS)
    known = Path("run/mlflow_id.txt").read_text()
    assert transfer([*WORDS, "--resume"]) == 0
    assert Path("run/mlflow_id.txt").read_text() == known
    assert {point.step for point in client.get_metric_history(known, "val/mean_iou")} == {1, 2}
    assert client.get_run(known).info.status == "FINISHED"
    assert transfer([*WORDS, "--overwrite"]) == 0
    assert Path("run/mlflow_id.txt").read_text() != known


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_folds_that_are_begun_anew_have_other_records(client):
    words = [*WORDS, "--epochs", "1", "--folds", "2"]
    assert transfer(words) == 0
    known = {path: path.read_text() for path in Path("run").glob("fold_*/mlflow_id.txt")}
    assert len(known) == 2
    assert transfer([*words, "--overwrite"]) == 0
    assert all(path.read_text() != before for path, before in known.items())


def test_without_the_packages_one_sentence_says_how_to_get_them(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "alembic", None)
    assert transfer(WORDS) == 2
    said = "error: --logger mlflow needs what is not installed here: pip install mlflow-skinny alembic"
    assert capsys.readouterr().err.splitlines()[1:] == [said], "before images are decoded"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert transfer(WORDS) == 2
    assert capsys.readouterr().err.splitlines()[1:] == [said.removesuffix(" alembic")], (
        "a server needs no store of ours"
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_run_that_the_store_does_not_know_is_refused(client, monkeypatch, capsys):
    with power_cut(after=1):
        transfer(WORDS)
    Path("run/mlflow_id.txt").write_text("0" * 32)
    assert transfer([*WORDS, "--resume"]) == 2
    assert "error: MLflow did not start (Run with id=0000" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_store_that_takes_no_more_does_not_end_the_training(client, tmp_path, capsys):
    logger = MLflow(tmp_path, "transfer", {"lr": 0.1})
    logger.scalars({"val/iou_cat & dog": 0.5}, 1)
    assert client.get_run(logger.id).data.metrics == {"val/iou_cat _ dog": 0.5}
    client.delete_run(logger.id)
    for epoch in (2, 3):
        logger.scalars({"loss": 0.5}, epoch)
    logger.close()
    assert capsys.readouterr().err.count("note: MLflow took no more (The run") == 1
