"""Whatever a file or a command line holds, it becomes settings, classes or a UserError: found cases are kept here."""

import json
from contextlib import suppress
from pathlib import Path

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common.config.load import flatten, load_config, unflatten
from common.data.classes import Classes, read_classes
from common.errors import UserError
from pretrain.config import PretrainConfig, config_class
from transfer.config import TransferConfig
from transfer.study.config import StudyConfig

quick = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(10**400)
PLAIN = st.recursive(
    LEAVES,
    lambda held: st.lists(held, max_size=4) | st.dictionaries(st.text(max_size=4), held),
    max_leaves=6,
)
KINDS = (PretrainConfig, TransferConfig, StudyConfig)
NAMES = sorted({name for kind in KINDS for group in vars(kind()).values() for name in vars(group)})


@settings(quick, max_examples=40)
@given(kind=st.sampled_from(KINDS), name=st.sampled_from(NAMES) | st.text(max_size=8), value=PLAIN)
@example(PretrainConfig, "lr", float("nan"))
@example(PretrainConfig, "epochs", 10**400)
@example(PretrainConfig, "widths", [])
@example(TransferConfig, "output_dir", "\0")
@example(TransferConfig, "norm", {})
@example(StudyConfig, "initialisations", [""])
@example(StudyConfig, "learning_rates", [-0.0])
def test_any_value_of_any_setting_is_a_config_or_a_sentence(kind, name, value):
    with suppress(UserError):
        config = unflatten(kind, {name: value}, source=Path("config.yaml"))
        assert unflatten(kind, json.loads(json.dumps(flatten(config))), source=Path("config.yaml")) == config
        config.check()


@settings(quick, max_examples=40)
@given(kind=st.sampled_from((config_class(), TransferConfig)), name=st.sampled_from(NAMES), value=PLAIN)
def test_any_value_in_a_file_of_settings_is_a_config_or_a_sentence(kind, name, value, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({name: value}))
    with suppress(UserError):
        load_config(kind, ["--config", str(tmp_path / "config.yaml")], prog="")


WORDS = st.one_of(
    st.sampled_from([f"--{name}" for name in NAMES]), st.integers().map(str), st.floats().map(str),
    st.text(max_size=5), st.sampled_from(["--", "-", "", "--no_amp", "=", "--lr=", "true", "None", "[1]", "1e999"]),
)  # fmt: skip


@settings(quick, max_examples=15)
@given(kind=st.sampled_from((PretrainConfig, TransferConfig)), words=st.lists(WORDS, max_size=5))
@example(kind=TransferConfig, words=["--lr", "\0"])
@example(kind=TransferConfig, words=["--config", ""])
@example(kind=PretrainConfig, words=["--lr=--lr"])
def test_any_words_are_a_config_or_a_sentence(kind, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with suppress(UserError):
        load_config(kind, words, prog="")


@settings(quick, max_examples=60)
@given(data=PLAIN)
def test_any_data_is_classes_or_a_sentence(data):
    with suppress(UserError):
        Classes.from_dict(data)


@settings(quick, max_examples=100)
@given(
    names=st.lists(LEAVES, max_size=4) | PLAIN,
    values=st.dictionaries(LEAVES, LEAVES | st.just("ignore"), max_size=4) | PLAIN,
)
@example(["a", "b"], {float("inf"): 0})
@example(["a", "b"], {float("nan"): 0})
@example(["a", "b"], {0: 0, 0.7: 1})
@example(["a", "b"], {0: [0]})
@example("ab", {0: 0})
@example([["a"], "b"], {0: 0})
@example(["a", "b"], {"\u0663": 0})
def test_any_names_and_values_are_classes_or_a_sentence(names, values):
    with suppress(UserError):
        found = Classes.from_dict({"names": names, "values": values})
        assert Classes.from_dict(json.loads(json.dumps(found.to_dict()))) == found
        assert found.table.few.shape == (2**16,)


@settings(quick, max_examples=40)
@given(content=st.binary(max_size=40) | st.text(alphabet="names: [a,b]\n{}-'\"&*!%\t0", max_size=40).map(str.encode))
@example(content=b"\0")
@example(content=b"[" * 5000)
@example(content=b"&a [*a]")
@example(content=b"names: [a, b]\nvalues: &v {0: *v}")
@example(content=b"\xff\xfe")
def test_any_bytes_of_a_classes_file_are_classes_or_a_sentence(content, tmp_path):
    (tmp_path / "classes.yaml").write_bytes(content)
    with suppress(UserError):
        read_classes(tmp_path / "classes.yaml")
