"""What is read of a finished trial, and who trains one that is not."""

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from filelock import Timeout

from common.run.lock import claimed, owner
from common.run.notes import external_labels
from transfer.study.trials import RecordedLabels, read_trial

RECORD = {
    "kind": "score",
    "file_digest": None,
    "transfer": "encoder",
    "data": "d1",
    "val_mean_iou": 0.5,
    "images": {"train": 6, "val": 2, "test": 3},
    "uses_imagenet_labels": False,
    "uses_labels": False,
    "classes": ["background", "pet"],
    "encoder": {},
    "seconds": 1.5,
    "test": {"mean_iou": 0.5},
}


@pytest.fixture
def trial(tmp_path):
    """Writes a trial's records, and reads them."""

    def read(confusions=None, **values):
        (tmp_path / "cell.json").write_text(json.dumps(RECORD | values))
        counts = np.zeros((3, 2, 2), np.int64) if confusions is None else confusions
        names = np.array([str(index) for index in range(len(counts))])
        np.savez_compressed(tmp_path / "test_images.npz", keys=names, digests=names, confusions=counts)
        return read_trial(tmp_path)

    return read


def test_a_whole_record_is_read_and_none_is_none(trial, tmp_path):
    assert read_trial(tmp_path) is None
    assert trial().record == RECORD
    assert trial(val_mean_iou=None, test=None).counts is not None


@pytest.mark.parametrize(
    "values",
    [
        {"val_mean_iou": "high"},
        {"val_mean_iou": float("nan")},
        {"images": None},
        {"images": {}},
        {"seconds": None},
        {"classes": 3},
        {"confusions": np.zeros((2, 2, 2), np.int64)},
        {"confusions": np.array([None])},
    ],
)
def test_a_damaged_record_counts_as_no_record(trial, values):
    assert trial(**values) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100000, b"{}"])
@pytest.mark.parametrize("name", ["cell.json", "test_images.npz"])
def test_files_of_wrong_content_count_as_no_record(trial, tmp_path, name, content):
    trial()
    (tmp_path / name).write_bytes(content)
    assert read_trial(tmp_path) is None


HOLD = """
import sys, pathlib
from common.run.lock import claimed
with claimed(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_the_owner_of_a_lock_is_known_while_it_is_held(tmp_path):
    lock = tmp_path / ".score-a-0.1-0.lock"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(Timeout), claimed(lock):
        pass
    assert owner(lock).startswith(f"process {other.pid} on {platform.node()} (since 20")
    other.communicate("\n")
    with claimed(lock):
        assert owner(lock).startswith(f"process {os.getpid()} ")
    assert owner(lock) == "another process"


def test_labels_elsewhere_name_the_teacher_and_its_masks_which_older_records_do_not():
    labels = RecordedLabels()
    labels.record = RECORD
    assert external_labels(labels) == "none"
    labels.record = RECORD | {"earlier_masks": 12, "taught_by": "runs/seg"}
    assert external_labels(labels) == "12 masks of an earlier run (teacher runs/seg)"
