"""`transfer.predict --devices 2`: two processes write what one writes."""

import os
import re
import signal
import time
from pathlib import Path

import pytest
from datasets import photo, write_tree
from segmenters import write_segmenter
from several import ended, start

from transfer.predict.__main__ import main as predict


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_segmenter(tmp_path_factory.mktemp("model") / "best.pth")


@pytest.fixture
def call(model, tmp_path):
    sizes = {"wide": (50, 131), "deep/tall": (97, 40), "one": (1, 1), "b": (64, 64), "c": (30, 31)}
    images = {f"{key}.png": photo(seed, height=h, width=w) for seed, (key, (h, w)) in enumerate(sizes.items())}
    write_tree(tmp_path / "in", images)
    return ["--model_path", model, "--input", tmp_path / "in", "--device", "cpu", "--batch_size", 2, "--output"]


def run(*words) -> int:
    return predict([str(word) for word in words])


def files(folder) -> dict[str, bytes]:
    """The content of all files, but for the journal, whose order is that in which images were finished."""
    names = {path: path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for path, name in names.items() if name not in ("finished.jsonl", ".lock")}


def journal(folder) -> list[str]:
    return sorted((folder / "finished.jsonl").read_text().splitlines())


def words_of(text) -> list[str]:
    return [re.sub(r"\b(one|two)\b", "", line) for line in text.splitlines()]


def workers(pid: int) -> list[int]:
    """The processes that one has spawned; multiprocessing starts one more, which cleans up."""
    numbers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(number) for number in numbers if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()]


EVERYTHING = [
    "--format",
    "palette",
    "npz",
    "coco",
    "--probabilities",
    "npy",
    "--tta",
    "flip",
    "--min_confidence",
    "0.4",
]


@pytest.mark.parametrize(
    "words", [[], pytest.param([*EVERYTHING, "--tile", "64"], marks=pytest.mark.slow)], ids=["resized", "by windows"]
)
def test_two_processes_write_the_bytes_of_one_and_say_each_thing_once(words, call, tmp_path, capfd):
    (tmp_path / "in/broken.png").write_bytes(b"no image")
    assert run(*call, tmp_path / "one", *words) == 0
    alone = capfd.readouterr()
    assert run(*call, tmp_path / "two", *words, "--devices", 2) == 0
    shared = capfd.readouterr()
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert len(journal(tmp_path / "two")) == 5
    assert journal(tmp_path / "one") == journal(tmp_path / "two")
    assert words_of(alone.out) == words_of(shared.out)
    assert "left out: cannot read the image file" in shared.out
    assert words_of(alone.err) == words_of(shared.err)
    (tmp_path / "two/masks/c.png").unlink(missing_ok=True)
    assert run(*call, tmp_path / "two", *words) == 0
    assert "done before: 4 images" in capfd.readouterr().out
    assert files(tmp_path / "one") == files(tmp_path / "two")


@pytest.mark.slow
def test_paths_on_standard_input_are_shared_too(call, tmp_path, monkeypatch):
    for output, devices in (("one", 1), ("two", 2)):
        with (tmp_path / "list").open("w+") as listed:
            listed.write("\n".join(str(path) for path in sorted((tmp_path / "in").rglob("*.png"))))
            listed.seek(0)
            monkeypatch.setattr("sys.stdin", listed)
            assert run(*call, tmp_path / output, "--input", "-", "--devices", devices) == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")


@pytest.mark.slow
def test_images_of_which_none_can_be_read_are_refused_as_by_one(call, tmp_path, capfd):
    for path in (tmp_path / "in").rglob("*.png"):
        path.write_bytes(b"no image")
    assert run(*call, tmp_path / "two", "--devices", 2) == 2
    said = capfd.readouterr()
    assert said.out.count("left out:") == 5
    assert said.err.splitlines()[-1] == "error: of 5 images none can be read; check --input"


@pytest.mark.slow
def test_a_lost_process_ends_all_and_three_go_on_with_the_rest(call, tmp_path, capfd):
    many = {f"many/{seed}.png": photo(seed, height=300, width=300) for seed in range(40)}
    write_tree(tmp_path / "in", many)
    shared = start("transfer.predict", [*call, "two", "--devices", "2"], tmp_path)
    lines = tmp_path / "two/finished.jsonl"
    while shared.poll() is None and not (lines.exists() and lines.stat().st_size):
        time.sleep(0.01)
    os.kill(workers(shared.pid)[1], signal.SIGKILL)
    codes, errors = ended([shared])
    assert codes == [1]
    assert re.fullmatch(r"error: process \d of 2 was lost \(signal 9\), and the others ended: .*", errors[0])
    assert 0 < len(lines.read_text().splitlines()) < 45
    assert run(*call, "two", "--devices", 3) == 0
    assert "done before: " in capfd.readouterr().out
    assert run(*call, "one") == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")
