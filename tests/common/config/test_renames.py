"""Words of older versions still work: flags, YAML keys, and what runs and handover files recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import yaml

from common.config.groups import RunConfig
from common.config.load import changes, flatten, load_config, save_config, unflatten
from common.errors import UserError


@dataclass(frozen=True)
class Shape:
    """A group with old words."""

    ALIASES: ClassVar[Mapping[str, str]] = {"size": "side", "big": "large"}
    OLD_VALUES: ClassVar[Mapping[str, Mapping[str, str]]] = {"kind": {"circle": "round"}}
    REMOVED: ClassVar[Mapping[str, Any]] = {"gamma": 2.0, "base": "logits"}
    BEFORE: ClassVar[Mapping[str, Any]] = {"fit": "squash"}

    fit: str = "auto"
    side: int = 4
    kind: Literal["round", "square"] = "square"
    large: bool = True
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """Settings of a command that exists for these tests."""

    shape: Shape = Shape()
    run: RunConfig = RunConfig()

    def check(self) -> None:
        """Nothing excludes anything here."""


def load(*words: object) -> Config:
    return load_config(Config, [str(word) for word in words], prog="toy")


@pytest.mark.parametrize(
    "words",
    [
        ["--size", 9, "--no_big"],
        ["--size=9", "--no-big"],
        ["--side=9", "--no-large"],
        ["--size", 9, "--no_large", "--gamma", "2", "--base=logits"],
    ],
)
def test_an_old_flag_sets_the_new_field(words):
    assert load(*words).shape == Shape(side=9, large=False)


def test_an_old_flag_leaves_one_note_and_a_new_one_none(capsys):
    load("--size", 1, "--size", 2, "--no_big")
    assert capsys.readouterr().err == "note: --big is now --large\nnote: --size is now --side\n"
    load("--side", 1)
    assert capsys.readouterr().err == ""


def test_an_old_value_means_the_new_one(capsys):
    assert load("--kind", "circle").shape.kind == load("--kind=circle").shape.kind == "round"
    assert "note: --kind circle is now --kind round\n" in capsys.readouterr().err
    assert unflatten(Config, {"kind": "circle"}, source=Path("x")).shape.kind == "round"


def test_only_its_own_setting_has_an_old_value():
    assert load("--names", "circle", "size").shape.names == ("circle", "size")


def test_an_old_key_in_a_file_sets_the_new_field_and_flags_win(tmp_path, capsys):
    (tmp_path / "old.yaml").write_text("size: 9\nbig: false\ngamma: 2\n")
    assert load("--config", tmp_path / "old.yaml").shape == Shape(side=9, large=False)
    assert "note: --size is now --side\n" in capsys.readouterr().err
    assert load("--config", tmp_path / "old.yaml", "--size", 3).shape.side == 3


def test_what_a_file_recorded_is_read_silently(capsys):
    assert unflatten(Config, {"size": 9, "base": "logits"}, source=Path("x")).shape.side == 9
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [["--gamma", "3"], ["--gamma=3"], ["--gamma"], ["--base", "probability"]])
def test_a_removed_setting_with_another_value_is_refused(words):
    with pytest.raises(UserError, match=r"is no longer supported, only .* leave the setting out"):
        load(*words)


def test_a_removed_key_with_another_value_is_refused():
    with pytest.raises(UserError, match="--base probability is no longer supported, only logits"):
        unflatten(Config, {"base": "probability"}, source=Path("x"))


@pytest.mark.parametrize("text", ["size: 1\nside: 2\n", "side: 2\nsize: 1\n"])
def test_a_file_with_both_words_is_refused(text, tmp_path):
    (tmp_path / "both.yaml").write_text(text)
    with pytest.raises(UserError, match="size and side are one setting: keep side"):
        load("--config", tmp_path / "both.yaml")


def test_a_run_recorded_in_old_words_goes_on(tmp_path):
    (tmp_path / "config.yaml").write_text(f"size: 9\ngamma: 2.0\noutput_dir: {tmp_path}\n")
    config = load("--resume", "--output_dir", tmp_path)
    assert config.shape.side == 9
    assert changes(config, tmp_path / "config.yaml", free=()) == ""
    assert "--side was 9, is 4" in changes(Config(), tmp_path / "config.yaml", free=())


def test_a_record_without_a_setting_means_what_its_version_did(tmp_path):
    former = {name: value for name, value in flatten(Config()).items() if name != "fit"}
    assert unflatten(Config, former, source=tmp_path).shape.fit == "squash"
    saved = tmp_path / "config.yaml"
    saved.write_text(yaml.safe_dump({**former, "output_dir": str(tmp_path)}))
    assert load("--config", saved).shape.fit == "squash"
    assert load("--config", saved, "--fit", "pad").shape.fit == "pad"
    assert load("--resume", "--output_dir", tmp_path).shape.fit == "squash"
    assert "--fit was squash, is auto" in changes(Config(), saved, free={"output_dir"})
    save_config(Config(), saved)
    assert load("--config", saved).shape.fit == "auto"


def test_a_file_of_differences_takes_todays_defaults(tmp_path):
    (tmp_path / "mine.yaml").write_text("side: 9\n")
    assert load("--config", tmp_path / "mine.yaml").shape == Shape(side=9)
