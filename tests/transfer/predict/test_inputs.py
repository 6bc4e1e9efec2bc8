"""What --input may be."""

import io
from pathlib import Path

import pytest
from datasets import photo, write_tree

from common.errors import UserError
from transfer.predict.inputs import images_of


@pytest.fixture
def tree(tmp_path, monkeypatch):
    names = ("a/one.png", "a/two.jpg", "b/deep/one.png", "b/notes.png", "out/masks/one.png")
    write_tree(tmp_path, dict.fromkeys(names, photo(1)))
    (tmp_path / "b/words.txt").write_text("no image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keys(place, *, lines: str | None = None) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO(lines or ""))
        listing = images_of(Path(place), without={Path("out").resolve()})
    assert all(path.name for path in listing.files.values())
    return list(listing.files)


def test_a_file_a_folder_and_patterns_are_understood(tree):
    assert keys("a/one.png") == ["one"]
    assert keys("a") == ["one", "two"]
    assert keys(".") == ["a/one", "a/two", "b/deep/one", "b/notes"]
    assert keys("a/*.png") == ["one"]
    assert keys("*/*") == ["a/one", "a/two", "b/notes"]
    assert keys("**/one.*") == ["a/one", "b/deep/one"]
    assert keys(tree / "[ab]" / "*o*") == ["a/one", "a/two", "b/notes"]


def test_files_that_differ_in_their_suffix_are_refused_without_flags_that_predict_has_not(tree):
    write_tree(tree, {"a/one.jpg": photo(2)})
    with pytest.raises(UserError, match=r"differ in their suffix alone; .*: remove or rename one of them$"):
        keys("a")


def test_standard_input_names_files_a_line_each_and_may_name_what_is_not_there(tree):
    assert keys("-", lines="a/one.png\n\nb/deep/one.png\na/one.png\n") == ["a/one", "b/deep/one"]
    assert keys("-", lines=f"{tree}/a/one.png\nb/../a/gone.png") == ["one", "gone"]


def test_a_name_with_brackets_is_a_file_where_there_is_one(tree):
    (tree / "a/[x].png").write_bytes(b"")
    assert keys("a/[x].png") == ["[x]"]


@pytest.mark.parametrize(
    ("place", "lines", "said"),
    [
        ("-", "\n", "standard input names no images; check --input"),
        ("*.png", None, "no image matches *.png; check --input"),
        ("b**/x", None, "--input b**/x is no pattern of names"),
        ("nowhere", None, "there is no image and no folder nowhere; check --input"),
        ("-", "a/two.jpg\na/two.png", "differ in their suffix alone"),
    ],
)
def test_an_input_without_images_is_refused_in_one_sentence(place, lines, said, tree):
    with pytest.raises(UserError) as refused:
        keys(place, lines=lines)
    assert said in str(refused.value)
