"""One pretext follows another: what the second training begins with, and what its record says of the first."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.config.groups import UNetConfig
from common.config.load import load_config
from common.engine.precision import Precision
from common.errors import UserError
from common.run.checkpoint import load_handover, save_handover
from pretrain.build import build_model, build_painter, build_target, start_from
from pretrain.config import PretrainConfig
from pretrain.main import main as pretrain
from pretrain.record import task_record, task_words
from tests.records import autoencoder_handover
from tests.tiny import SYNTHETIC, TINY

MASKS = ["--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0", "--pseudo_mask_weight", "1"]


def network(config, seed):
    torch.manual_seed(seed)
    model = build_model(config, build_target(config))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


def begin(path, *flags):
    """A network filled at random that then begins with the autoencoder at `path`; its state before, and the record."""
    config = load_config(PretrainConfig, [*TINY, "--start_from", str(path), *flags], prog="")
    model = network(config, 1)
    fresh = model.sections()
    return model, fresh, start_from(model, config)


@pytest.fixture
def hog(tmp_path) -> tuple[Path, dict]:
    config = load_config(PretrainConfig, TINY, prog="")
    model = network(config, 0)
    path = tmp_path / "ae.pth"
    save_handover(autoencoder_handover(model, task_record(config)), path)
    return path, model.sections()


def same(section, other):
    return all(torch.equal(tensor, other[name]) for name, tensor in section.items())


def test_the_network_begins_with_the_encoder_the_decoder_and_the_heads_that_it_has_too(hog, capsys):
    path, taught = hog
    model, fresh, _ = begin(path, *MASKS)
    now = model.sections()
    assert all(same(now[part], taught[part]) for part in ("encoder", "decoder", "picture"))
    assert same(now["saliency_head"], fresh["saliency_head"])
    assert "target_head" not in now
    assert "begins with the encoder, decoder, picture of" in capsys.readouterr().out
    now = begin(path.parent)[0].sections()  # the same task again, and a run's folder
    assert all(same(now[part], taught[part]) for part in taught)


def test_without_it_nothing_is_loaded():
    config = load_config(PretrainConfig, TINY, prog="")
    model = network(config, 1)
    fresh = model.sections()
    assert start_from(model, config) is None
    assert all(same(section, fresh[name]) for name, section in model.sections().items())


def test_another_network_is_refused_by_the_tensors_that_differ(hog):
    path, _ = hog
    with pytest.raises(UserError, match=r"encoder in .*ae\.pth do not fit .*wrong shape"):
        begin(path, "--widths", "4", "4", "4", "4", "4", "6")
    with pytest.raises(UserError, match=r"decoder in .*ae\.pth do not fit"):
        begin(path, "--decoder_stride", "8")


@pytest.mark.parametrize("label", ["uses_imagenet_labels", "uses_labels"])
def test_labels_that_helped_the_first_are_in_the_record_of_the_second(label, hog):
    path, _ = hog
    before = load_handover(path, kind="autoencoder").task
    config = load_config(PretrainConfig, [*TINY, *MASKS], prog="")
    assert getattr(task_record(config, before), label) is False
    assert getattr(task_record(config, replace(before, **{label: True})), label) is True


def test_the_record_and_the_page_name_both(hog):
    task = task_record(
        load_config(PretrainConfig, [*TINY, *MASKS], prog=""), load_handover(hog[0], kind="autoencoder").task
    )
    assert task.before is not None
    assert task.before.pretext == "mask"
    assert task_words(task) == "segmenting the foreground, after filling in hidden patches, as gradient histograms"


def test_images_that_taught_the_first_count_as_seen_by_the_second(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    more = ["--synthetic_count", "48"]
    assert pretrain([*TINY, *more, "--epochs", "1", "--output_dir", "first"]) == 0
    again = [*TINY, *SYNTHETIC, "--epochs", "1", *MASKS, "--start_from", "first"]
    assert pretrain([*again, "--output_dir", "second"]) == 0
    first, second = (load_handover(Path(run) / "ae.pth").provenance.train_images for run in ("first", "second"))
    assert set(first) <= set(second), "the second has fewer images of its own"
    assert len(second) == len(set(second))
    task = json.loads(Path("second/metrics.json").read_text(encoding="utf-8"))["task"]
    assert task["before"]["target"] == "hog"


@pytest.mark.parametrize(
    ("widths", "rates"), [(2, (0.0, 0.0)), (5, (0.0, 0.0, 0.05, 0.1, 0.15)), (7, (*UNetConfig.dropout, 0.15))]
)
def test_the_default_dropout_fits_any_number_of_stages(widths, rates):
    assert UNetConfig(widths=(4,) * widths).rates == rates
    words = ["--widths", *["4"] * widths, "--image_size", "128", "--decoder_stride", "1"]
    config = load_config(PretrainConfig, [*SYNTHETIC, *words], prog="")
    assert build_model(config, None).encoder.architecture()["dropout"] == list(rates)


@pytest.mark.parametrize(("weight", "said"), [("0", "--perceptual_weights_path without effect"), ("0.1", "")])
def test_weights_that_no_term_asks_for_are_told(weight, said, capsys):
    words = ["--pretext", "plain", "--perceptual_weight", weight, "--perceptual_weights_path", "mobilenet.pth"]
    config = load_config(PretrainConfig, [*TINY, *words], prog="")
    model, known = build_model(config, None), {"precision": Precision(torch.device("cpu")), "progress": lambda _: 0.0}
    model.picture = None  # as with a target of pixels
    assert build_painter(model, config, **known) is None
    assert (said in capsys.readouterr().err) if said else capsys.readouterr().err == ""
