import os

import pytest
from datasets import photo, write_images_masks, write_oxford, write_train_test_masks, write_tree

from common.data.layouts.registry import find_dataset
from common.data.listing import list_images, passed_over_note

ODD = ["caf\udce9", "two\nlines", 'it\'s "quoted"', "n" * 251, "=cmd", "\x1b]0;title\x07"]
"""Names that are not UTF-8, of more than one line, quoted, as long as can be, for a spreadsheet, for a terminal."""


def add_unusable(folder):
    """Five names that are no image files, two that are no images, and hidden ones."""
    (folder / "dangling.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "itself.png").symlink_to("itself.png")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "away").symlink_to(folder / "nowhere")
    (folder / "phone.DNG").touch()
    (folder / "readme.txt").touch()
    (folder / ".hidden.jpg").symlink_to("nowhere")
    (folder / ".hidden").mkdir()
    os.mkfifo(folder / ".hidden" / "pipe.jpg")


def test_what_is_no_image_file_is_passed_over_with_the_reason(tmp_path):
    root = write_tree(tmp_path / "in", {"a.jpg": photo(0), "sub.jpg/b.png": photo(1)})
    (tmp_path / "other").mkdir()
    (root / "linked").symlink_to(tmp_path / "other")
    (root / "c.jpg").symlink_to(root / "a.jpg")
    add_unusable(root)
    files, passed_over = list_images(root)
    assert list(files) == ["a", "c", "sub.jpg/b"]
    assert [name.removeprefix(f"{root}/") for name in passed_over] == [
        "away (a link to nothing)",
        "dangling.jpg (a link to nothing)",
        f"itself.png ({os.strerror(40)})",
        "phone.DNG (of a type that is not read)",
        "pipe.jpg (no regular file)",
    ]
    (note,) = passed_over_note(passed_over)
    assert note.startswith("passed over: 5 names: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_folder_without_permission_is_passed_over(tmp_path):
    root = write_tree(tmp_path / "in", {"a.jpg": photo(0), "closed/b.png": photo(1)})
    (root / "closed").chmod(0)
    try:
        assert list_images(root) == ({"a": root / "a.jpg"}, (f"{root / 'closed'} (Permission denied)",))
    finally:
        (root / "closed").chmod(0o700)


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize(
    ("write", "images"),
    [
        (write_images_masks, "images"),
        (write_train_test_masks, "train"),
        (write_oxford, "images"),
        (lambda root: write_tree(root, {"a.jpg": photo(0)}), "."),
    ],
)
def test_every_layout_notes_what_it_passes_over(tmp_path, write, images, labelled):
    if images == "." and labelled:
        return
    root = write(tmp_path / "data")
    add_unusable(root / images)
    notes = find_dataset(root, labelled=labelled).notes
    assert [note for note in notes if note.startswith("passed over: 5 names: ")] == [notes[-1]]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize(
    "folder", ["@eaDir/a.jpg", "__MACOSX", "$RECYCLE.BIN/S-1", ".ipynb_checkpoints", "b/lost+found"]
)
def test_what_systems_put_beside_photographs_is_none(tmp_path, folder):
    write_tree(tmp_path, {"a.jpg": photo(0), "b/c.jpg": photo(1), f"{folder}/thumb.jpg": photo(2)})
    assert list(list_images(tmp_path).files) == ["a", "b/c"]


def test_odd_names_are_names_all_the_same(tmp_path):
    root = write_tree(tmp_path / "in", {f"{name}.png": photo(0) for name in ODD})
    assert sorted(list_images(root).files) == sorted(ODD)
