"""Weights & Biases, in its offline mode: what reaches its file is what metrics.csv says."""

import csv
import json
import struct
from collections.abc import Iterator

import pytest
from tiny import SYNTHETIC, TINY

from transfer.main import main as transfer

BLOCK, HEADER = 32768, 7


def records(path) -> Iterator[bytes]:
    """The records of a .wandb file: LevelDB's log format after a header of the same length as a record's."""
    data, at, parts = path.read_bytes(), HEADER, b""
    while at + HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        parts += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def history(path) -> dict[int, dict]:
    """The values that an offline file holds, by step."""
    from wandb.proto import wandb_internal_pb2

    found = {}
    for data in records(path):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            items = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            found.setdefault(int(items["_step"]), {}).update(items)
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the package's own
def test_every_epoch_reaches_weights_and_biases(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    words = [*TINY, *SYNTHETIC, "--epochs", "2", "--logger", "wandb"]
    assert transfer([*words, "--output_dir", str(tmp_path / "run")]) == 0
    (file,) = (tmp_path / "run/wandb").glob("offline-run-*/*.wandb")
    found = history(file)
    with (tmp_path / "run/metrics.csv").open() as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        logged = found[int(row["epoch"])]
        assert logged["val/mean_iou"] == pytest.approx(float(row["val/mean_iou"]))
        assert logged["train/loss"] == pytest.approx(float(row["train/loss"]))
        assert logged["segmentations/_type"] == "image-file"
    assert file.stem == f"run-{(tmp_path / 'run/wandb_id.txt').read_text()}"
