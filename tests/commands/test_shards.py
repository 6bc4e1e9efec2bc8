"""Shards: written from a folder, and phase 1 trained on them as on the folder."""

import json
import re
import shutil
import tarfile

import pytest
import torch
from datasets import photo, write_folder, write_images_masks, write_tree
from run_checks import power_cut, refusal, same, weights
from tiny import TINY

from common.run.checkpoint import load_handover
from common.shards.__main__ import main as shards
from pretrain.evaluate.__main__ import main as evaluate
from pretrain.main import main as pretrain
from transfer.main import main as transfer

SHORT = [*TINY, "--perceptual_weight", "0", "--updates", "6", "--epochs", "3", "--threads", "1"]
PATTERN = "shards/{000000..000004}.tar"


@pytest.fixture
def folder(tmp_path):
    """40 photographs, and five shards of them."""
    write_folder(tmp_path / "photographs")
    assert shards(["--data_dir", "photographs", "--output", "shards", "--images_per_shard", "9"]) == 0
    return tmp_path / "photographs"


def test_a_folder_becomes_shards_of_the_same_files_in_random_order(folder, tmp_path):
    names, contents = [], {}
    for shard in sorted((tmp_path / "shards").iterdir()):
        with tarfile.open(shard) as tar:
            found = [(member.name, tar.extractfile(member).read()) for member in tar]
        names.append([name for name, _ in found])
        contents |= dict(found)
    assert [len(part) for part in names] == [9, 9, 9, 9, 4]
    assert contents == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert [name for part in names for name in part] != sorted(contents)


def test_shards_written_again_are_equal_byte_for_byte_and_it_says_how_to_train_on_them(folder, tmp_path, capsys):
    again = ["--data_dir", "photographs", "--images_per_shard", "9"]
    assert shards([*again, "--output", "again"]) == 0
    said = capsys.readouterr().out
    assert "wrote 40 photographs into 5 shards in again" in said
    assert "next: python -m pretrain.main --data_dir 'again/{000000..000004}.tar' --minutes 50" in said
    assert shards([*again, "--output", "other", "--seed", "1"]) == 0
    first, second, other = ((tmp_path / name / "000000.tar").read_bytes() for name in ("shards", "again", "other"))
    assert first == second != other


def test_an_image_that_cannot_be_read_leaves_no_shards_so_that_the_call_can_be_repeated(tmp_path, capsys):
    write_folder(tmp_path / "photographs", 10)
    (tmp_path / "photographs/empty.png").write_bytes(b"")
    call = ["--data_dir", "photographs", "--output", "shards", "--images_per_shard", "2"]
    assert shards(call) == 2
    assert "empty.png: it is empty" in capsys.readouterr().err
    assert not list((tmp_path / "shards").glob("*"))
    (tmp_path / "photographs/empty.png").unlink()
    assert shards(call) == 0


def test_a_name_with_dots_and_photographs_of_other_splits_are_told_apart(tmp_path, capsys):
    pictures = {f"train/img.{number}.jpg": photo(number) for number in range(3)} | {"test/a.jpg": photo(9)}
    write_tree(tmp_path / "photographs", pictures)
    assert shards(["--data_dir", "photographs", "--output", "shards"]) == 0
    with tarfile.open(tmp_path / "shards/000000.tar") as tar:
        assert sorted(tar.getnames()) == [f"train/img%2E{number}.jpg" for number in range(3)]
    assert "1 image is left out" in capsys.readouterr().err


def test_phase_1_trains_on_shards_and_validates_and_tests_on_the_files_that_a_folder_keeps(folder, tmp_path, capsys):
    assert pretrain([*SHORT, "--data_dir", PATTERN, "--report", "--output_dir", "streamed"]) == 0
    assert "5 shards are read as a stream" in capsys.readouterr().err
    assert pretrain([*SHORT, "--data_dir", "photographs", "--output_dir", "packed"]) == 0
    streamed, packed = (json.loads((tmp_path / name / "data.json").read_text()) for name in ("streamed", "packed"))
    for split in ("val", "test"):
        digests = [sorted(found[split].values()) for found in (streamed, packed)]
        assert digests[0] == digests[1]
        assert digests[0]
    assert "as a stream" in (tmp_path / "streamed/report.html").read_text(encoding="utf-8")
    assert load_handover(tmp_path / "streamed/ae.pth").provenance.validation["epoch"] <= 3
    assert evaluate(["--model_path", "streamed", "--split", "val"]) == 0


def test_a_resumed_training_on_shards_equals_one_that_never_stopped(folder, tmp_path):
    words = [*SHORT, "--data_dir", PATTERN, "--save_every", "0"]
    assert pretrain([*words, "--output_dir", "whole"]) == 0
    with power_cut(after=2):
        pretrain([*words, "--output_dir", "parts"])
    torch.manual_seed(123)
    assert pretrain(["--resume", "--output_dir", "parts"]) == 0
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert (tmp_path / "whole/metrics.csv").read_text() == (tmp_path / "parts/metrics.csv").read_text()


@pytest.mark.slow
def test_two_ranks_read_shards_of_their_own_and_go_on_where_each_of_them_stopped(folder, tmp_path):
    words = [*SHORT, "--data_dir", PATTERN, "--devices", "2", "--output_dir"]
    assert pretrain([*words, "run"]) == 0
    first, second = weights(tmp_path / "run")["stream"]["places"]
    assert first != second
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    (tmp_path / "again/last.pth").unlink()  # the state of the epoch before stays
    marker = json.loads((tmp_path / "again/run.json").read_text())
    (tmp_path / "again/run.json").write_text(json.dumps(marker | {"finished": False}))
    assert pretrain(["--resume", "--output_dir", "again"]) == 0
    assert same(weights(tmp_path / "run"), weights(tmp_path / "again"))


def test_a_run_is_not_resumed_with_other_shards(folder, capsys):
    with power_cut(after=1):
        pretrain([*SHORT, "--data_dir", PATTERN, "--output_dir", "run"])
    words = ["--resume", "--output_dir", "run", "--data_dir", "shards/000000.tar"]
    assert "cannot resume run with other images" in refusal(pretrain, words, capsys)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--updates", "6", "--recipe", "object"], "pseudo-masks"),
        (
            ["--updates", "6", "--target", "features", "--teacher_cache", "1"],
            "--teacher_cache: this is for images in a",
        ),
        (["--updates", "6", "--images", "*.jpg"], "--images: this is for images in a folder"),
        (["--epochs", "6"], "shards are a stream without an end: say how long"),
        ([], "shards are a stream without an end: say how long"),
    ],
)
def test_what_a_stream_cannot_do_is_refused_in_words(folder, flags, sentence, capsys):
    assert sentence in refusal(pretrain, [*TINY, "--data_dir", PATTERN, *flags], capsys)


def test_bad_shards_are_refused_before_the_training(folder, tmp_path, capsys):
    words = [*SHORT, "--output_dir", "run", "--data_dir"]
    assert "there is no shards/9.tar" in refusal(pretrain, [*words, "shards/9.tar"], capsys)
    assert "phase 1 reads them by --data_dir 'shards/*.tar'" in refusal(pretrain, [*words, "shards"], capsys)
    whole = (tmp_path / "shards/000001.tar").read_bytes()
    (tmp_path / "shards/000001.tar").write_bytes(whole[: len(whole) // 2])
    assert "000001.tar is cut off" in refusal(pretrain, [*words, PATTERN], capsys)
    with tarfile.open(tmp_path / "shards/000001.tar", "w") as tar:
        tar.add(__file__, "a.txt")
    assert "000001.tar holds no images" in refusal(pretrain, [*words, PATTERN], capsys)
    assert not (tmp_path / "run").exists()


def test_a_shard_that_is_cut_off_is_read_as_far_as_it_goes_where_that_is_wanted(folder, tmp_path, capsys):
    whole = (tmp_path / "shards/000001.tar").read_bytes()
    (tmp_path / "shards/000001.tar").write_bytes(whole[: len(whole) // 2])
    assert pretrain([*SHORT, "--output_dir", "run", "--data_dir", PATTERN, "--skip_bad_files"]) == 0
    assert "left out: cannot read the shard shards/000001.tar (unexpected end of data)" in capsys.readouterr().err


def test_shards_are_refused_where_masks_are_needed(folder, tmp_path, capsys):
    write_images_masks(tmp_path / "labelled")
    said = refusal(transfer, [*TINY, "--data_dir", PATTERN], capsys)
    assert "names shards, which hold photographs for pretrain.main alone" in said
    said = refusal(transfer, [*TINY, "--data_dir", "labelled", "--unlabelled_dir", PATTERN], capsys)
    assert "--unlabelled_dir" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data_dir", "photographs"], "--output is missing"),
        (["--output", "new"], "--data_dir is missing"),
        (["--data_dir", "photographs", "--output", "shards"], "shards holds tar files already"),
        (["--data_dir", "nowhere", "--output", "new"], "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_written_is_refused_in_words(folder, tmp_path, words, sentence, capsys):
    assert sentence in refusal(shards, words, capsys)
    assert not (tmp_path / "new").exists()


def test_without_the_library_a_sentence_says_what_to_install(folder, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "webdataset.tariterators", None)
    said = refusal(pretrain, [*SHORT, "--data_dir", PATTERN, "--output_dir", "run"], capsys)
    assert re.search(r"pip install webdataset", said)
