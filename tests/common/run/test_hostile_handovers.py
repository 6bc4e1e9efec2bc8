"""A handover file of any content is a network or one sentence: no traceback, and no memory beyond its own size."""

import functools
import random
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.config.load import load_config
from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import digest, save_handover
from common.run.records import PretrainingRecord, SegmentationRecord
from pretrain import load_encoder
from pretrain.build import build_model, start_from
from pretrain.config import PretrainConfig
from pretrain.evaluate.config import LookOptions
from pretrain.evaluate.evaluation import Evaluation
from pretrain.model import Autoencoder
from tests.records import autoencoder_handover, segmentation_handover
from transfer import load_model
from transfer.config import EncoderConfig, TransferConfig
from transfer.model import SegmentationNet
from transfer.source import find_source

WIDTHS = (2, 2)


def parts() -> tuple[UNetEncoder, UNetDecoder]:
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=WIDTHS, dropout=(0.0, 0.0))
    return encoder, UNetDecoder(encoder.channels, encoder.strides, dropout=(0.0,))


def unsigned(path: Path) -> dict[str, Any]:
    content = torch.load(path, weights_only=True)
    del content["digest"]
    return content


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory) -> dict[str, Any]:
    """What a file of phase 1 holds, but its digest."""
    path = tmp_path_factory.mktemp("ae") / "ae.pth"
    save_handover(autoencoder_handover(Autoencoder(*parts()), PretrainingRecord(pretext="plain")), path)
    return unsigned(path)


@pytest.fixture(scope="module")
def segmentation(tmp_path_factory) -> dict[str, Any]:
    """What a file of phase 2 holds, but its digest."""
    path = tmp_path_factory.mktemp("seg") / "best.pth"
    net = SegmentationNet(*parts(), num_classes=2)
    save_handover(segmentation_handover(net, SegmentationRecord(("background", "pet"), {"0": 0, "1": 1})), path)
    return unsigned(path)


def write(content: dict[str, Any], path: Path) -> Path:
    """A file with a digest that fits, where its content can have one."""
    try:
        signed = digest(content)
    except Exception:  # noqa: BLE001  the reader finds none either
        signed = "none"
    torch.save({**content, "digest": signed}, path)
    return path


def set_to(entry: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of one entry, named by its place; `...` removes it."""

    def change(content: dict[str, Any]) -> None:
        *folders, name = entry.split("/")
        inside = functools.reduce(lambda held, folder: held[folder], folders, content)
        if value is ...:
            del inside[name]
        else:
            inside[name] = value

    return change


def within_itself() -> list[Any]:
    held: list[Any] = []
    held.append(held)
    return held


BIG = 100_000
WEIGHT = "sections/encoder/stages.0.0.weight"
IN_BOTH = {
    "no encoder section": ("sections/encoder", ..., "holds no encoder"),
    "no decoder section": ("sections/decoder", ..., "holds no decoder"),
    "no head section": ("sections/head", ..., "holds no head"),
    "empty encoder": ("sections/encoder", {}, "encoder .*missing"),
    "empty head": ("sections/head", {}, "head .*missing"),
    "empty sections": ("sections", {}, "holds no"),
    "a section too many": ("sections/tail", {}, "has a tail"),
    "a number for a section's name": ("sections", {1: {}}, "sections"),
    "a number for a tensor's name": ("sections/head", {1: torch.zeros(1)}, "sections.head"),
    "a number for a tensor": ("sections/head/weight", 3, "sections.head.weight is 3"),
    "NaN": (WEIGHT, torch.full((2, 3, 3, 3), torch.nan), "stages.0.0.weight .*not finite"),
    "infinity": (WEIGHT, torch.full((2, 3, 3, 3), torch.inf), "stages.0.0.weight .*not finite"),
    "sparse": (WEIGHT, torch.eye(3).to_sparse(), "stages.0.0.weight .*sparse"),
    "complex": (WEIGHT, torch.zeros(2, 3, 3, 3, dtype=torch.complex64), "stages.0.0.weight .*complex"),
    "meta": (WEIGHT, torch.zeros(2, 3, 3, 3, device="meta"), "stages.0.0.weight .*meta"),
    "stride 0": (WEIGHT, torch.zeros(1).expand(10**10), "stages.0.0.weight .*values are not in the file"),
    "another shape": (WEIGHT, torch.zeros(2, 3, 3, 2), "wrong shape: .*stages.0.0.weight"),
    "whole numbers": (WEIGHT, torch.zeros(2, 3, 3, 3, dtype=torch.int64), "wrong type: .*stages.0.0.weight"),
    "no name of the encoder": ("architecture/encoder/name", ..., "no encoder called None"),
    "a list for a name": ("architecture/encoder/name", [], "no encoder called"),
    "unknown decoder": ("architecture/decoder/name", "u2net", "no decoder called 'u2net'"),
    "an encoder of a library, unknown": ("architecture/encoder", {"name": "smp", "encoder": "r"}, "no encoder called"),
    "no widths": ("architecture/encoder/widths", ..., "dropout has 2 numbers|wrong shape|6"),
    "a word for widths": ("architecture/encoder/widths", "wide", "widths is 'wide'"),
    "a word for a width": ("architecture/encoder/widths", ["2", 2], "widths.0 is '2'"),
    "a negative width": ("architecture/encoder/widths", [-2, 2], "widths.0 is -2"),
    "a width of 0": ("architecture/encoder/widths", [0, 2], "widths.0 is 0"),
    "no width at all": ("architecture/encoder/widths", [], "widths"),
    "huge widths": ("architecture/encoder/widths", [BIG, BIG], "widths.0 is 100000"),
    "wide widths": ("architecture/encoder/widths", [60_000, 60_000], "encoder_channels|wrong shape"),
    "half a channel": ("architecture/encoder/in_channels", 1.5, "in_channels is 1.5"),
    "no channel": ("architecture/encoder/in_channels", 0, "in_channels is 0"),
    "a billion channels": ("architecture/encoder/in_channels", 10**9, "in_channels is 1000000000"),
    "an unknown norm": ("architecture/encoder/norm", "layer", "norm is 'layer'"),
    "dropout above 1": ("architecture/encoder/dropout", [2.0, 0.0], "dropout.0 is 2.0"),
    "a setting too many": ("architecture/encoder/depth", 3, "depth is 3"),
    "strides of another encoder": ("architecture/decoder/encoder_strides", [1, 4], "widths has 1 number "),
    "strides that are words": ("architecture/decoder/encoder_strides", ["1"], "encoder_strides.0 is '1'"),
    "negative strides": ("architecture/decoder/encoder_strides", [1, -2], "encoder_strides.1 is -2"),
    "no strides": ("architecture/decoder/encoder_strides", [], "encoder_strides"),
    "a stop behind the end": ("architecture/decoder/stop", 64, "cannot be used"),
    "images of another channel count": ("input/channels", 1, "1 channels, its encoder takes 3"),
    "images of no size": ("input/image_size", 0, "image_size is 0"),
    "images that do not fit": ("input/image_size", 63, "63 x 63"),
    "epoch not a number": ("provenance/validation/epoch", torch.nan, "no epoch"),
    "packages that are none": ("provenance/environment", {"packages": 3}, "packages"),
    "a value within itself": ("provenance/config", {"a": within_itself()}, "changed or damaged"),
    "a version that is a tensor": ("version", torch.zeros(3), "format version"),
    "a format that is a tensor": ("format", torch.zeros(3), "not a handover file"),
    "a kind that is a tensor": ("kind", torch.zeros(3), "unknown kind"),
}  # fmt: skip
OF_SEGMENTATION = {
    "no num_classes": ("architecture/num_classes", ..., "num_classes is missing"),
    "num_classes -1": ("architecture/num_classes", -1, "num_classes is -1"),
    "a billion classes": ("architecture/num_classes", 10**9, "num_classes is 1000000000"),
    "num_classes of words": ("architecture/num_classes", "two", "num_classes is 'two'"),
    "one class more": ("architecture/num_classes", 3, "wrong shape"),
    "one name more": ("task/names", ["background", "pet", "border"], "names 3 classes"),
    "one logit of three classes": ("architecture/one_logit", 3, "one_logit is 3"),
    "one logit for two": ("architecture/one_logit", True, "wrong shape"),
    "no parameters": ("provenance/encoder/parameters", 0, "parameters is 0"),
}
OF_AUTOENCODER = {
    "no out_channels": ("architecture/out_channels", ..., "out_channels is missing"),
    "out_channels 0": ("architecture/out_channels", 0, "out_channels is 0"),
    "target_channels -1": ("architecture/target_channels", -1, "target_channels is -1"),
    "a head that is not there": ("architecture/target_channels", 60_000, "holds no target_head"),
    "a projection that is not there": ("architecture/contrast", True, "holds no projection"),
    "a cell of words": ("architecture/target_cell", "8", "target_cell"),
}


@functools.cache
def pretraining() -> PretrainConfig:
    words = ["--image_size", "64", "--widths", "2", "2", "--dropout", "0", "0", "--decoder_dropout", "0"]
    return load_config(PretrainConfig, [*words, "--norm", "instance"], prog="")


def begin(path: Path) -> None:
    config = replace(pretraining(), handover=replace(pretraining().handover, start_from=path))
    start_from(build_model(config, None), config)


def receive(path: Path) -> None:
    find_source(TransferConfig(encoder=EncoderConfig(pretrained_encoder=path)))


READERS = {"start_from": begin, "evaluate": lambda path: Evaluation(LookOptions(model_path=path, device="cpu"))}


@pytest.mark.parametrize("name", [*IN_BOTH, *OF_SEGMENTATION])
def test_a_segmentation_file_of_wrong_content_is_one_sentence(name, segmentation, tmp_path):
    entry, value, said = (IN_BOTH | OF_SEGMENTATION)[name]
    content = deepcopy(segmentation)
    set_to(entry, value)(content)
    refused(lambda path: load_model(path, "cpu"), write(content, tmp_path / "best.pth"), said)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", [*IN_BOTH, *OF_AUTOENCODER])
def test_an_autoencoder_file_of_wrong_content_is_one_sentence_for_its_own_phase(name, reader, autoencoder, tmp_path):
    entry, value, said = (IN_BOTH | OF_AUTOENCODER)[name]
    content = deepcopy(autoencoder)
    set_to(entry, value)(content)
    refused(READERS[reader], write(content, tmp_path / "ae.pth"), said)


@pytest.mark.parametrize("reader", [receive, load_encoder])
@pytest.mark.parametrize("name", [name for name in IN_BOTH if name not in ("a section too many", "empty head")])
def test_an_autoencoder_file_of_wrong_content_is_one_sentence_for_who_takes_its_encoder(
    name, reader, autoencoder, tmp_path
):
    entry, value, said = IN_BOTH[name]
    content = deepcopy(autoencoder)
    set_to(entry, value)(content)
    refused(reader, write(content, tmp_path / "ae.pth"), said)


def refused(reader: Callable[[Path], Any], path: Path, said: str) -> None:
    with pytest.raises(UserError, match=said) as refusal:
        reader(path)
    assert path.name in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_files_before_they_are_changed_are_taken(autoencoder, segmentation, tmp_path):
    path = write(autoencoder, tmp_path / "ae.pth")
    begin(path)
    receive(path)
    load_encoder(path)
    load_model(write(segmentation, tmp_path / "best.pth"), "cpu")


def entries(content: dict[str, Any], at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every entry of nested dictionaries."""
    found = []
    for name, value in content.items():
        found.append((*at, name))
        if isinstance(value, dict):
            found += entries(value, (*at, name))
    return found


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just({}), st.just([]),
    st.lists(st.integers(-3, 9), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.just(torch.zeros(2)), st.just({"name": "unet"}), st.just(torch.tensor(torch.nan)),
)  # fmt: skip


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), value=VALUES, drop=st.booleans(), kind=st.booleans())
def test_any_entry_of_any_value_is_a_network_or_a_sentence(
    seed, value, drop, kind, autoencoder, segmentation, tmp_path
):
    content = deepcopy(autoencoder if kind else segmentation)
    *folders, name = random.Random(seed).choice(entries(content))
    inside = functools.reduce(lambda held, folder: held[folder], folders, content)
    if drop:
        del inside[name]
    else:
        inside[name] = value
    path = write(content, tmp_path / "file.pth")
    for reader in (begin, receive, load_encoder) if kind else (lambda file: load_model(file, "cpu"), load_encoder):
        with suppress(UserError):
            reader(path)
