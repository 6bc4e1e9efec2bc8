"""`common.doctor`: one sick data set for each kind of finding, and a clean one."""

import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from datasets import photo, square_mask, write_tree
from digests import digests
from PIL import Image
from sick import EACH, PHOTOS, SICK, copied, photographs, saved_again, write_clean

from common.config.load import load_config
from common.doctor.__main__ import main as doctor
from common.doctor.finding import CODES
from transfer.config import TransferConfig


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    """A data set without fault; tests copy it."""
    return write_clean(tmp_path_factory.mktemp("clean"))


@pytest.fixture
def root(clean, tmp_path, monkeypatch):
    """A copy of it, which is the working folder."""
    shutil.copytree(clean, tmp_path / "data")
    monkeypatch.chdir(tmp_path / "data")
    return tmp_path / "data"


WORDS = ["--data_dir", ".", "--image_size", "64"]


def found(capsys, *flags: str) -> tuple[int, dict]:
    """The exit code, and what is printed as JSON."""
    capsys.readouterr()
    code = doctor([*WORDS, "--json", *flags])
    return code, json.loads(capsys.readouterr().out)


def test_of_a_clean_data_set_nothing_is_said_to_be_wrong(root, capsys):
    assert doctor(WORDS) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0] == f"images/ masks/: 27 images; {EACH} train, {EACH} val, {EACH} test"
    assert "nothing is wrong" in said
    code, content = found(capsys)
    assert (code, content["exit_code"]) == (0, 0)
    assert {finding["level"] for finding in content["findings"]} == {"info"}
    assert content["classes"]["foreground"]["pixels"] == pytest.approx(0.25)
    assert content["object_sides"][1] == pytest.approx((20 * 25) ** 0.5 / 50 * 64, abs=0.5)


def test_the_page_repeats_the_command_as_it_was_typed(root, monkeypatch):
    words = [*WORDS, "--output_dir", "out"]
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.setattr(sys, "argv", ["/bin/recon2seg", "doctor", *words])
    assert doctor(words) == 0
    assert f"recon2seg doctor {' '.join(words)}" in Path("out/report.html").read_text("utf-8")


@pytest.mark.parametrize("name", SICK)
def test_what_is_wrong_is_found_and_the_rest_is_looked_at(name, root, capsys):
    sick = SICK[name]
    sick.make(root)
    code, content = found(capsys, *sick.flags)
    kinds = {finding["kind"]: finding for finding in content["findings"]}
    assert sick.kind in kinds, kinds
    assert (kinds[sick.kind]["level"], kinds[sick.kind]["count"]) == (sick.level, sick.count)
    assert code == content["exit_code"] == CODES[sick.level]
    if sick.level == "error" and content["images"]["found"]:
        assert content["images"]["taken"] <= content["images"]["found"]


def test_nearly_equal_images_in_two_splits_are_told_of_also_where_the_photographs_hold_them(root, capsys):
    saved_again(root)
    photographs("images/test/0.png")(root)
    _, content = found(capsys, *PHOTOS)
    [pairs] = [one["names"] for one in content["findings"] if one["kind"] == "near-copies-across-splits"]
    assert len(pairs) == 1
    assert {"images/test/0.png (test)", "images/train/0.png (train)"} == set(pairs[0].split(" = "))


@pytest.mark.parametrize(("folder", "renamed"), [("masks", False), ("images", False), ("masks", True)])
def test_a_data_set_of_which_nothing_can_be_used_is_told_of_all_the_same(folder, renamed, root, capsys):
    for path in [path for path in (root / folder).rglob("*") if path.is_file()]:
        path.rename(path.with_name(f"x{path.name}")) if renamed else path.write_bytes(b"<html>")
    assert doctor(WORDS) == 2
    said = capsys.readouterr().out
    assert f"of which {3 * EACH} cannot be used" in said
    assert "error: " in said
    assert "images that show it" not in said  # there is none


def test_a_data_set_of_which_no_image_has_a_mask_is_an_error(tmp_path, capsys):
    write_tree(tmp_path / "images", {"a.png": photo(0)})
    boxes = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "segmentation": []}]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": boxes,
        "categories": [{"id": 1, "name": "a"}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    assert doctor(["--data_dir", str(tmp_path)]) == 2
    assert "error: 1 image is left out" in capsys.readouterr().out


def test_values_that_no_class_has_come_with_the_table_to_write(root, capsys):
    SICK["values that no class has"].make(root)
    _, content = found(capsys)
    [finding] = [finding for finding in content["findings"] if finding["kind"] == "mask-values"]
    assert "values 7, which" in finding["sentence"]
    assert "values: {0: 0, 7: 1}" in finding["advice"]


def test_in_crops_objects_keep_their_size(root, capsys):
    SICK["objects that vanish"].make(root)
    photographs()(root)
    for fit in ([], ["--fit", "crop"]):
        code, content = found(capsys, *fit)
        assert (code, content["object_sides"]) == (0, [4, 4, 4])
        [told] = [finding["sentence"] for finding in content["findings"] if finding["kind"] == "object-size"]
        assert told.endswith("squashed, it would be 2, so that --fit auto takes crop") == (not fit)
        _, pretrain, _ = next_of(capsys, *fit, *PHOTOS)
        assert "--data_dir photos " in pretrain
        assert "--fit crop " in pretrain
    code, content = found(capsys, "--scale_to", "80")
    assert (code, content["object_sides"]) == (0, [2, 2, 2])


@pytest.mark.parametrize(
    ("sick", "said"), [(True, "Whole images, of which the training takes crops."), (False, "As the network gets them.")]
)
def test_the_page_says_whether_the_network_gets_its_pictures_whole(sick, said, root):
    if sick:
        SICK["objects that vanish"].make(root)
    assert doctor([*WORDS, "--output_dir", "out"]) == 0
    assert said in (root / "out/report.html").read_text(encoding="utf-8").partition("Augmentation")[2]


def test_all_that_is_wrong_is_told_in_one_go_with_what_to_do(root, capsys):
    (root / "images/train/0.png").write_bytes(b"<html>")
    (root / "images/train/1.png").unlink()
    (root / "masks/train/2.png").unlink()
    write_tree(root, {"masks/train/3.png": square_mask(255, height=30), "masks/train/4.png": square_mask(9)})
    (root / "masks/train/5.png").write_bytes(b"")
    assert doctor(WORDS) == 2
    told = capsys.readouterr().out
    assert [
        line.removeprefix("error: ").partition(",")[0] for line in told.splitlines() if line.startswith("error")
    ] == [
        "1 image has no mask of the same name",
        "1 mask has no image of the same name: masks/train/1.png",
        "1 image cannot be read: images/train/0.png: it is not an image",
        "1 mask cannot be read: masks/train/5.png: it is empty",
        "1 mask of another size than the image",
        "1 mask holds the values 9",
    ]
    assert told.count("\n  do: ") >= 6
    assert told.splitlines()[-3] == "6 errors and 0 warnings"


@pytest.mark.parametrize(
    "name", ["naïve ☃.png", "a\nb.png", "\x1b[31mred.png", "<script>x.png", "-rf.png", "caf\udce9.png"]
)
def test_hostile_names_are_told_as_one_line_of_text(name, root, capsys):
    (root / "images/train/0.png").rename(root / "images/train" / name)
    (root / "masks/train/0.png").rename(root / "masks/train" / name)
    assert doctor(WORDS) == 0
    (root / "images/train" / name).write_bytes(b"no image")
    code, content = found(capsys)
    assert code == 2
    assert name in next(one["names"][0] for one in content["findings"] if one["kind"] == "image-unreadable")
    assert doctor(WORDS) == 2
    assert "\x1b" not in capsys.readouterr().out


def test_the_json_says_the_same_of_every_finding(root, capsys):
    _, content = found(capsys)
    assert set(content) == {
        *("version", "data_dir", "unlabelled_dir", "exit_code", "layout", "images", "photographs", "image_size"),
        *("classes", "ignored_pixels", "brightness", "widths", "heights", "object_sides", "findings"),
    }
    keys = {"kind", "level", "sentence", "names", "count", "advice", "command", "pictures"}
    assert {frozenset(finding) for finding in content["findings"]} == {frozenset(keys)}


def test_a_page_with_pictures_and_names_of_both_a_sheet_and_the_findings_are_written(root, capsys):
    name = "<script>alert(1)"
    write_tree(root, {f"images/train/{name}.png": photo(0), f"masks/train/{name}.png": square_mask(255)})
    (root / "images/train/1.png").write_bytes(b"no image")
    copied("test/0.png", "train/2.png")(root)
    code, content = found(capsys, "--output_dir", "../out")
    written = root.parent / "out"
    page = (written / "report.html").read_text()
    assert code == 2
    assert {path.name for path in written.iterdir()} - {".lock"} == {
        "report.html",
        "contact_sheet.png",
        "findings.json",
    }
    assert json.loads((written / "findings.json").read_text()) == content
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Nothing to show" not in page
    pair = "images/test/0.png (test) = images/train/2.png (train)"
    assert re.search(
        rf'<li style="--pictures: 2">(<img src="data:image/webp[^>]*>){{2}}<p dir="auto">{re.escape(pair)}', page
    )
    with Image.open(written / "contact_sheet.png") as sheet:
        assert sheet.size == (8 * 166 + 6, 4 * 166 + 6)


def test_a_page_written_among_the_images_is_none_of_them(root, capsys):
    assert doctor([*WORDS, "--output_dir", "images/train/seen"]) == 0
    capsys.readouterr()
    doctor(WORDS)
    said = capsys.readouterr().out
    assert said.splitlines()[0] == f"images/ masks/: 27 images; {EACH} train, {EACH} val, {EACH} test"
    assert "images/train/seen (results, and no data)" in said


def test_nothing_is_written_and_a_folder_is_needed(root, capsys):
    before = digests(root)
    doctor(WORDS)
    assert digests(root) == before
    assert doctor([]) == doctor(["--data_dir", "nowhere"]) == doctor(["--unlabelled_dir", "nowhere"]) == 2
    assert "--unlabelled_dir" in capsys.readouterr().err


def test_shards_are_nothing_for_the_doctor(capsys):
    for flag in ("--data_dir", "--unlabelled_dir"):
        assert doctor([flag, "shards/{000..003}.tar"]) == 2
        assert "names shards, which hold photographs for pretrain.main alone" in capsys.readouterr().err


def next_of(capsys, *words: str) -> list[str]:
    """The commands that the doctor names, after the page."""
    doctor([*WORDS, *words])
    said = capsys.readouterr().out.splitlines()
    return [line.removeprefix("next: ") for line in said if line.startswith("next: ")]


@pytest.mark.parametrize(("count", "folds"), [(4, " --folds 4"), (3, None)])
def test_of_few_images_that_leave_a_split_empty_folds_are_next(root, capsys, count, folds):
    for folder in ("images", "masks"):
        shutil.rmtree(root / folder / "val")
        shutil.rmtree(root / folder / "test")
        for i in range(count, EACH):
            (root / f"{folder}/train/{i}.png").unlink()
    code, content = found(capsys)
    assert (code, [finding["kind"] for finding in content["findings"] if finding["level"] == "error"]) == (
        2,
        ["split-empty"],
    )
    _, *trainings = next_of(capsys)
    wanted = f"python -m transfer.main --data_dir . --image_size 64{folds} --output_dir runs/seg"
    assert trainings == ([wanted] if folds else [])


def test_a_pretraining_and_the_training_that_takes_it_follow_on_data_without_errors_and_a_copy_on_others(root, capsys):
    SICK["a validation image among them"].make(root)
    page, pretrain, train = next_of(capsys, "--vflip", "0.5", *PHOTOS)
    flags = "--image_size 64 --vflip 0.5"
    assert page == f"python -m common.doctor --data_dir . {flags} --unlabelled_dir photos --output_dir runs/doctor"
    assert pretrain == "python -m pretrain.main --data_dir photos --image_size 64 --output_dir runs/ae"
    assert (
        train
        == f"python -m transfer.main --data_dir . {flags} --pretrained_encoder runs/ae --folds 5 --output_dir runs/seg"
    )
    load_config(TransferConfig, shlex.split(train)[3:], prog="")
    SICK["a truncated image"].make(root)
    assert next_of(capsys)[1:] == ["python -m common.doctor --data_dir . --image_size 64 --fix REPAIRED"]
    *_, copy = next_of(capsys, "--fix", "../fixed")
    assert copy == "python -m common.doctor --data_dir ../fixed --image_size 64 --classes ../fixed/classes.yaml"


def test_a_split_in_which_nothing_is_labelled_is_an_error(root, capsys):
    (root / "classes.yaml").write_text("names: [ground, thing]\nvalues: {0: 0, 255: 1, 9: ignore}\n")
    masks = {f"masks/val/{i}.png": square_mask(9, background=9) for i in range(EACH)}
    write_tree(root, dict(list(masks.items())[1:]))
    assert found(capsys, "--classes", "classes.yaml")[0] == 1
    write_tree(root, masks)
    code, content = found(capsys, "--classes", "classes.yaml")
    assert (code, [one["count"] for one in content["findings"] if one["kind"] == "mask-unlabelled"]) == (2, [EACH])
