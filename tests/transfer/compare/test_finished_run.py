"""The records of a run, read back: what is missing, of another type or no number is one sentence with its name."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from common.errors import UserError
from common.rows import read_rows
from common.run.checkpoint import load_handover, save_handover
from transfer.compare.finished_run import FinishedRun, read_run, unequal
from transfer.scoring import read_images

MADE = Path(__file__).parents[2] / "made_before/transfer"


@pytest.fixture
def run(tmp_path) -> Path:
    folder = tmp_path / "run"
    shutil.copytree(MADE, folder)
    (folder / "resources.json").write_text('{"train_seconds": 3.5, "device": "cpu", "peak_memory_mib": 300.0}')
    (folder / "environment.json").write_text('{"command": "python -m transfer.main", "packages": {"torch": "2"}}')
    return folder


def test_the_records_are_read(run):
    found = read_run(run, "run")
    assert found.resources.train_seconds == 3.5
    assert found.environment["packages"] == {"torch": "2"}
    assert len(found.keys) == len(found.digests) == len(found.scores)


def with_lengths(run: Path, name: str, **lengths: Any) -> FinishedRun:
    """The run as one that was typed without a length, and settled on this one."""
    lengthless = {"epochs": 0, "updates": [], "minutes": 0, "patience": 0}
    typed = yaml.safe_load((run / "config.yaml").read_text()) | lengthless
    (run / "config.yaml").write_text(yaml.safe_dump(typed))
    file = load_handover(run / "best.pth", kind="segmentation")
    settled = {**file.provenance.config, **lengthless, "epoch_updates": 0, "batch_size": 4, **lengths}
    save_handover(replace(file, provenance=replace(file.provenance, config=settled)), run / "best.pth")
    return read_run(run, name)


def test_an_early_stop_is_seen_by_the_length_that_a_run_settled_on(run):
    found = with_lengths(run, "run", epochs=200, patience=50)
    assert [warning for warning in found.warnings if "stopped early, after 120 of at most 200 epochs" in warning]
    assert not with_lengths(run, "run", epochs=120).warnings


def test_budgets_are_those_that_runs_settled_on_and_not_those_that_were_typed(run, tmp_path):
    shutil.copytree(run, tmp_path / "other")
    networks: dict[str, Any] = {"one": {}, "other": {}}

    def alerts(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
        pair = [with_lengths(run, "one", **ours), with_lengths(tmp_path / "other", "other", **theirs)]
        return unequal(pair, networks)

    assert alerts({"epochs": 3, "updates": [5, 5, 6]}, {"epochs": 2, "updates": [8, 8]}) == []
    assert alerts({"epochs": 3, "updates": [5, 5, 6]}, {"epochs": 4}) == [  # of 4 images in batches of 4
        "UNEQUAL BUDGETS: one 16 updates; other 4 updates"
    ]
    assert alerts({"epochs": 4, "batch_size": 2}, {"epochs": 1, "epoch_updates": 8, "patience": 3}) == [
        "UNEQUAL BUDGETS: one batches of 2, patience 0; other batches of 4, patience 3"
    ]
    repeated = {**yaml.safe_load((run / "config.yaml").read_text()), "epochs": 2, "updates": [40, 44], "patience": 0}
    (run / "repeat.yaml").write_text(yaml.safe_dump(repeated))
    timed = {"epochs": 2, "minutes": 10.0, "batch_size": 4}
    assert alerts(timed, {"epochs": 2, "updates": [8, 8]}) == ["UNEQUAL BUDGETS: one 84 updates; other 16 updates"]
    (tmp_path / "other/repeat.yaml").write_text(yaml.safe_dump({**repeated, "updates": [40, 41]}))
    assert alerts(timed, timed) == []  # as many minutes on one machine
    (tmp_path / "other/repeat.yaml").write_text(yaml.safe_dump({**repeated, "updates": [10, 10]}))
    assert alerts(timed, timed) == ["UNEQUAL BUDGETS: one 84 updates; other 20 updates"]


def test_runs_of_other_masks_and_of_other_sizes_are_told(run, tmp_path):
    shutil.copytree(run, tmp_path / "other")
    file = load_handover(run / "best.pth", kind="segmentation")
    more = (*file.provenance.train_images, "another")
    input_ = replace(file.input, image_size=2 * file.input.image_size)
    other = replace(file, input=input_, provenance=replace(file.provenance, train_images=more))
    save_handover(other, tmp_path / "other/best.pth")
    settings = yaml.safe_load((run / "config.yaml").read_text())
    (tmp_path / "other/config.yaml").write_text(yaml.safe_dump(settings | {"image_size": input_.image_size}))
    pair, side = [read_run(run, "one"), read_run(tmp_path / "other", "other")], file.input.image_size
    masks, sizes = unequal(pair, {"one": {}, "other": {}})
    assert f", {len(more) - 1} masks; other " in masks
    assert masks.endswith(f", {len(more)} masks")
    told = f"one {side} x {side} pixels (--fit squash); other {2 * side} x {2 * side} pixels (--fit squash)"
    assert sizes.startswith(f"UNEQUAL SIZES: masks were scored at {told}; ")


def test_runs_that_saw_photographs_or_more_validation_masks_had_another_budget(run, tmp_path):
    shutil.copytree(run, tmp_path / "other")
    settings = yaml.safe_load((run / "config.yaml").read_text())
    (tmp_path / "other/config.yaml").write_text(yaml.safe_dump(settings | {"unlabelled_dir": "photographs"}))
    for folder, count in ((run, 2), (tmp_path / "other", 3)):
        metrics = json.loads((folder / "metrics.json").read_text())
        (folder / "metrics.json").write_text(json.dumps({**metrics, "images": {"val": count}}))
    pair = [read_run(run, "one"), read_run(tmp_path / "other", "other")]
    assert unequal(pair, {"one": {}, "other": {}}) == [
        "UNEQUAL BUDGETS: one 2 masks for validation, no photograph an update; "
        "other 3 masks for validation, 24 photographs an update"
    ]


def test_runs_that_other_masks_scored_are_told(run):
    ours = read_run(run, "one")
    counts = ours.scores.counts.copy()
    counts[0] = np.roll(counts[0], 1, axis=0)  # as if the classes of the first image had been others
    theirs = replace(ours, name="other", scores=replace(ours.scores, counts=counts))
    assert unequal([ours, ours], {"one": {}}) == []
    images = len(ours.keys)
    told = f"UNEQUAL MASKS: runs were scored by different masks of 1 of {images} test images"
    assert unequal([ours, theirs], {"one": {}, "other": {}}) == [told]
    assert unequal([ours, theirs, theirs], {"one": {}, "other": {}}) == [told], "an image counts once"


TEXTS = {
    "empty": "", "half a file": '{"epochs": 2, ', "no JSON": "epochs: 2", "a list": "[]", "null": "null",
    "5000 brackets": "[" * 5000,
}  # fmt: skip
BYTES = {"no UTF-8": b'{"\xff": 1}', "NUL": b"\0" * 100}


@pytest.mark.parametrize("name", ["metrics.json", "receipt.json", "resources.json", "environment.json"])
@pytest.mark.parametrize("content", TEXTS | BYTES)
def test_a_file_that_is_no_record_is_refused(name, content, run):
    text = (TEXTS | BYTES)[content]
    (run / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(run, name)


WRONG: list[tuple[str, str, Any]] = [
    ("metrics.json", "epochs", "two"), ("metrics.json", "epochs", 0), ("metrics.json", "epochs", None),
    ("metrics.json", "best_epoch", -1), ("metrics.json", "best_epoch", 1.5), ("metrics.json", "warnings", 3),
    ("metrics.json", "warnings", [3]), ("metrics.json", "test", {}), ("metrics.json", "test", []),
    ("metrics.json", "test", {"per_class": {}}), ("metrics.json", "test", {"per_class": {"cat": 1}}),
    ("receipt.json", "parameters", 0), ("receipt.json", "parameters", "many"), ("receipt.json", "loaded", -3),
    ("receipt.json", "parts", "encoder"), ("receipt.json", "lr_factor", float("nan")),
    ("resources.json", "train_seconds", "long"), ("resources.json", "train_seconds", float("nan")),
    ("resources.json", "train_seconds", -1), ("resources.json", "peak_memory_mib", [1]),
    ("resources.json", "device", 3), ("environment.json", "packages", 3), ("environment.json", "packages", [1]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "entry", "value"), WRONG)
def test_an_entry_of_another_type_is_refused_by_its_name(name, entry, value, run):
    content = json.loads((run / name).read_text())
    (run / name).write_text(json.dumps({**content, entry: value}))
    assert entry in refused(run, name)


@pytest.mark.parametrize(("name", "entry"), sorted({wrong[:2] for wrong in WRONG if wrong[0] in ("metrics.json",)}))
def test_an_entry_that_is_missing_is_refused_by_its_name(name, entry, run):
    content = json.loads((run / name).read_text())
    del content[entry]
    (run / name).write_text(json.dumps(content))
    assert f"{entry} is missing" in refused(run, name)


IMAGES: dict[str, dict[str, Any]] = {
    "a list of objects": {"keys": np.array([{}, 3], dtype=object)},
    "keys that are numbers": {"keys": np.arange(2)},
    "keys of two dimensions": {"keys": np.array([["a"], ["b"]])},
    "no image": {"keys": np.array([], dtype=str)},
    "one key more": {"keys": np.array(["a"] * 9)},
    "digests that are bytes": {"digests": np.array([b"a", b"b"])},
    "counts of one dimension": {"confusions": np.arange(4)},
    "counts that are no square": {"confusions": np.zeros((2, 2, 3), dtype=np.int64)},
    "counts of no class": {"confusions": np.zeros((2, 0, 0), dtype=np.int64)},
    "counts that are negative": {"confusions": np.full((2, 2, 2), -1)},
    "counts that are fractions": {"confusions": np.full((2, 2, 2), 0.5)},
    "counts that are not numbers": {"confusions": np.full((2, 2, 2), np.nan)},
    "counts that are complex": {"confusions": np.full((2, 2, 2), 1j)},
}


@pytest.mark.parametrize("wrong", IMAGES)
def test_other_arrays_in_the_record_of_the_images_are_refused(wrong, run):
    with np.load(run / "test_images.npz") as file:
        content = dict(file)
    np.savez(run / "test_images.npz", **(content | IMAGES[wrong]))
    assert "no record of test images" in refused(run, "test_images.npz")


@pytest.mark.parametrize("entry", ["keys", "digests", "confusions"])
def test_an_array_that_is_missing_is_refused_by_its_name(entry, run):
    with np.load(run / "test_images.npz") as file:
        content = {name: array for name, array in file.items() if name != entry}
    np.savez(run / "test_images.npz", **content)
    assert entry in refused(run, "test_images.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 half a zip", b"\x93NUMPY\x01\x00v\x00{'descr'"])
def test_a_record_of_images_that_is_another_file_is_refused(content, run):
    (run / "test_images.npz").write_bytes(content)
    refused(run, "test_images.npz")


def test_an_array_that_says_to_be_larger_than_any_memory_is_refused(tmp_path):
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (100000000000, 3, 3), }".ljust(117) + b"\n"
    path = tmp_path / "test_images.npz"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(UserError, match="no record of test images"):
        read_images(path)


@pytest.mark.parametrize(
    "text",
    [
        "epoch,lr\n1,fast\n", "epoch,lr\n1,0.1,3\n", "epoch,lr\n1\n", "lr\n0.1\n", "epoch,lr\nnan,0.1\n",
        "epoch,lr\n,0.1\n", "epoch\n\0\n", 'epoch\n"1',
    ],
)  # fmt: skip
def test_a_table_of_epochs_that_is_none_is_refused(text, run):
    (run / "metrics.csv").write_text(text)
    if text == 'epoch\n"1':
        assert read_rows(run / "metrics.csv") == [{"epoch": 1.0}]
    else:
        refused(run, "metrics.csv")


@pytest.mark.parametrize(
    "text", ["lr: fast\n", "lr: .nan\n", "learning: 1\n", "- 1\n", "image_size: [1]\n", "? [a]\n: 1\n"]
)
def test_other_settings_are_refused_by_their_file(text, run):
    (run / "config.yaml").write_text(text)
    refused(run, "config.yaml")


def refused(run: Path, name: str) -> str:
    with pytest.raises(UserError, match=name) as refusal:
        read_run(run, "run")
    assert "\n" not in str(refusal.value)
    return str(refusal.value)
