"""Folders without what a command looks for, and names that no one expects."""

import os
from pathlib import Path

from datasets import photo
from zoo.images import UNUSED, encoded
from zoo.row import DATA, PREDICT, TRAIN, Row, both, bytes_name, nothing, pairs, text

PHOTO = encoded(photo(1))
NEWLINE = "a\nerror: all is well\nb.png"
HOSTILE = {
    "no UTF-8": (bytes_name(b"b\xe9b\xe9.png"), "b"),
    "with a newline": (NEWLINE, r"a\nerror: all is well\nb.png"),
    "with an escape": ("a\x1b]0;title\x07.png", r"a\x1b]0;title\x07.png"),
    "of a formula": ("=HYPERLINK(1).png", "=HYPERLINK(1).png"),
    "of 255 bytes": ("n" * 251 + ".png", "n" * 20),
    "with a dollar sign": ("$x_{$.png", "$x_{$.png"),
    "like a flag": ("--overwrite.png", "--overwrite.png"),
    "of blanks": ("   .png", ".png"),
    "right to left": ("\u202egnp.png", ".png"),
}


def loop() -> None:
    Path("data/images").mkdir(parents=True)
    Path("data/images/0.png").symlink_to("0.png")


def dangling() -> None:
    pairs()
    Path("data/images/3.png").unlink()
    Path("data/images/3.png").symlink_to("/nowhere/3.png")


def circle() -> None:
    Path("data/images").mkdir(parents=True)
    Path("data/images/again").symlink_to("..")


def two_suffixes() -> None:
    pairs()
    Path("data/images/3.bmp").write_bytes(encoded(photo(3, height=16, width=20), "BMP"))


def pipe() -> None:
    os.mkfifo("pipe.png")


FOLDERS = [
    Row("no data folder", nothing, "transfer", [*TRAIN, "--data_dir", "nowhere"], "nowhere"),
    Row("no data folder, phase 1", nothing, "pretrain", [*TRAIN, "--data_dir", "nowhere"], "nowhere"),
    Row("empty data folder", lambda: Path("data").mkdir(), "transfer", DATA, "data"),
    Row("empty data folder, phase 1", lambda: Path("data").mkdir(), "pretrain", DATA, "data"),
    Row("a file for a data folder", text("data", "x"), "transfer", DATA, "data"),
    Row("a file for a data folder, phase 1", text("data", "x"), "pretrain", DATA, "data"),
    Row("an empty word for a data folder", nothing, "transfer", [*TRAIN, "--data_dir", ""], ""),
    Row("only masks", text("data/masks/1.png", PHOTO), "transfer", DATA, "data"),
    Row("only images", text("data/images/1.png", PHOTO), "transfer", DATA, "data"),
    Row(
        "an empty images folder",
        both(text("data/masks/1.png", PHOTO), lambda: Path("data/images").mkdir()),
        "transfer",
        DATA,
        "data",
    ),
    Row("no pairs", both(text("data/images/1.png", PHOTO), text("data/masks/2.png", PHOTO)), "transfer", DATA, "1"),
    Row("one pair", lambda: pairs(1), "transfer", DATA, ""),
    Row("two pairs", lambda: pairs(2), "transfer", DATA, ""),
    Row("texts alone", text("data/readme.txt", "x"), "pretrain", DATA, "data"),
    Row("a data set one folder deeper", lambda: pairs(root="data/deep"), "transfer", DATA, "data"),
    Row("a link to itself", loop, "pretrain", DATA, "data"),
    Row("a link to nothing", dangling, "transfer", DATA, "3"),
    Row("a folder that holds itself", circle, "pretrain", DATA, "data"),
    Row("two images of one name", two_suffixes, "transfer", DATA, "3"),
    Row("no input", nothing, "predict", [*PREDICT, "--input", "nowhere.png"], "nowhere.png"),
    Row("an empty input", lambda: Path("in").mkdir(), "predict", [*PREDICT, "--input", "in"], "in"),
    Row(
        "a text for an input",
        text("a.txt", "x"),
        "predict",
        [*PREDICT, "--input", "a.txt"],
        "of 1 image none",
        leaves=UNUSED,
    ),
    Row("a pipe for an input", pipe, "predict", [*PREDICT, "--input", "pipe.png"], "pipe.png"),
    Row("a device for an input", nothing, "predict", [*PREDICT, "--input", "/dev/zero"], "/dev/zero"),
    Row("no photographs to explain", lambda: Path("in").mkdir(), "gradcam", [*PREDICT, "--input", "in"], "in"),
]

ROWS = [
    *FOLDERS,
    *(
        Row(
            f"damaged, name {kind}",
            both(pairs, text(f"data/images/{name}", b""), text(f"data/masks/{name}", b"")),
            "transfer",
            DATA,
            said,
        )
        for kind, (name, said) in HOSTILE.items()
    ),
    *(
        Row(
            f"predict damaged, name {kind}",
            text(f"in/{name}", b"no image"),
            "predict",
            [*PREDICT, "--input", "in"],
            "of 1 image none",
            leaves=UNUSED,
        )
        for kind, (name, _) in list(HOSTILE.items())[:4]
    ),
]
