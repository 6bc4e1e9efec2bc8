"""Surroundings in which nothing can be written, or too much of it."""

import resource
from pathlib import Path

from zoo.row import DATA, PREDICT, TRAIN, Row, both, nothing, pairs, text

SYNTHETIC = [*TRAIN, "--synthetic_count", "20"]
ONE = ["--input", "data/images/1.png"]


def out(words: list[str], folder: str) -> list[str]:
    flag = "--output_dir" if "--output_dir" in words else "--output"
    at = words.index(flag)
    return [*words[:at], flag, folder, *words[at + 2 :]]


def foreign() -> None:
    Path("out").mkdir()
    Path("out/thesis.txt").write_text("mine")


def half_a_run() -> None:
    Path("out").mkdir()
    Path("out/config.yaml").write_text("lr: [")


PLACES = {
    "a file": (text("out", "mine"), "out", "out"),
    "below a file": (text("file", "mine"), "file/out", "file"),
    "in /proc": (nothing, "/proc/out", "/proc/out"),
    "of 300 letters": (nothing, "n" * 300, "nnn"),
    "/dev/full": (nothing, "/dev/full", "/dev/full"),
    "below /dev/null": (nothing, "/dev/null/out", "/dev/null"),
    "with NUL": (nothing, "a\0b", "NUL"),
}

ROWS = [
    *(
        Row(f"train to {place}", make, "transfer", out(SYNTHETIC, folder), said)
        for place, (make, folder, said) in PLACES.items()
    ),
    *(
        Row(f"predict to {place}", both(pairs, make), "predict", [*out(PREDICT, folder), *ONE], said)
        for place, (make, folder, said) in PLACES.items()
    ),
    Row("train to an empty word", nothing, "transfer", out(SYNTHETIC, ""), "--output_dir"),
    Row("pretrain to an empty word", nothing, "pretrain", out(SYNTHETIC, ""), "--output_dir"),
    Row("train beside somebody's files", foreign, "transfer", SYNTHETIC, "thesis.txt"),
    Row("overwrite somebody's files", foreign, "transfer", [*SYNTHETIC, "--overwrite"], "thesis.txt"),
    Row("pretrain beside somebody's files", foreign, "pretrain", SYNTHETIC, "thesis.txt"),
    Row("resume with settings that are no YAML", half_a_run, "transfer", [*TRAIN, "--resume"], "config.yaml"),
    Row("two processes by torchrun", nothing, "transfer", SYNTHETIC, "WORLD_SIZE", env={"WORLD_SIZE": "2"}),
    Row("two tasks of Slurm", nothing, "pretrain", SYNTHETIC, "SLURM_NTASKS", env={"SLURM_NTASKS": "2"}),
    Row("five columns", nothing, "transfer", [*SYNTHETIC, "--epoch", "1"], "did you mean", env={"COLUMNS": "5"}),
    Row("no columns", nothing, "transfer", [*SYNTHETIC, "--lr", "a"], "--lr", env={"COLUMNS": "0"}),
    Row("columns that are no number", nothing, "transfer", [*SYNTHETIC, "--lr", "a"], "--lr", env={"COLUMNS": "many"}),
    Row(
        "a cache below a file",
        both(pairs, text("file", "x")),
        "transfer",
        [*DATA, "--cache_dir", "file/cache"],
        "--cache_dir",
    ),
    Row("a cache in /proc", pairs, "transfer", [*DATA, "--cache_dir", "/proc/cache"], "/proc/cache"),
    Row("a handover to nowhere", nothing, "pretrain", [*SYNTHETIC, "--handover_path", "/proc/no/ae.pth"], "/proc/no"),
    Row(
        "a disk without room",
        pairs,
        "predict",
        [*PREDICT, *ONE],
        "cannot write to out",
        limit=(resource.RLIMIT_FSIZE, 10),
        leaves=("out", "out/.lock"),
    ),
    Row(
        "a cache without room",
        pairs,
        "transfer",
        [*DATA, "--fit", "squash", "--cache_dir", "cache"],
        "--cache_dir",
        limit=(resource.RLIMIT_FSIZE, 1000),
        leaves=("cache",),
    ),
    Row("compare to a file", text("file", "x"), "compare", ["a", "b", "--output", "file"], "a "),
    Row(
        "a copy of the doctor without room",
        pairs,
        "doctor",
        ["--data_dir", "data", "--fix", "out"],
        "disk is full",
        limit=(resource.RLIMIT_FSIZE, 10),
    ),
    Row("a copy of the doctor in /proc", pairs, "doctor", ["--data_dir", "data", "--fix", "/proc/out"], "/proc"),
    Row(
        "a page of the doctor below a file",
        both(pairs, text("file", "x")),
        "doctor",
        ["--data_dir", "data", "--output_dir", "file/out"],
        "file",
    ),
    Row("analyze nothing", nothing, "analyze", ["--data_dir", "nowhere"], "nowhere"),
]
