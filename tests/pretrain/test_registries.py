"""What the house asks of every registered pretext, target and side objective; and that others can be registered."""

import json
from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np
import pytest
import torch
from pydantic import Field
from torch.nn import functional as F
from tyro._docstrings import get_field_docstring

from common.config.load import load_config
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.rows import read_rows
from common.run.checkpoint import load_handover
from common.run.plain_data import from_dict, to_dict
from common.run.records import PretrainingRecord
from pretrain.build import build_target, build_tasks
from pretrain.config import config_class
from pretrain.evaluate.__main__ import main as evaluate
from pretrain.heads import PixelHead
from pretrain.losses.objective import Objective
from pretrain.losses.registry import SIDE_OBJECTIVES, RegisteredObjective
from pretrain.losses.side_objective import SideObjective
from pretrain.main import main as pretrain
from pretrain.model import Autoencoder, TrainingForward
from pretrain.pretexts.registry import PRETEXTS, Pretext
from pretrain.pretexts.task import Task, TaskMaker
from pretrain.record import task_record, task_words
from pretrain.registered import Settings
from pretrain.targets.registry import TARGETS, RegisteredTarget
from pretrain.targets.target import CellTarget
from tests.pretrain.pretexts.photos import photos
from tests.tiny import SYNTHETIC, TINY

REGISTRIES = {"pretext": PRETEXTS, "target": TARGETS, "side objective": SIDE_OBJECTIVES}
ENTRIES = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry]
RANDOM = ["--perceptual_init", "random"]


def flags(kind, name):
    """The flags of a run that uses an entry."""
    if kind == "side objective":
        return [f"--{SIDE_OBJECTIVES[name].weight}", "0.5", "--jitter", "0.2"]
    return [f"--{kind}", name, *RANDOM]


def load(*words):
    return load_config(config_class(), [*TINY, *words], prog="")


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_setting_has_one_line_of_help(kind, name):
    settings = REGISTRIES[kind][name].settings
    for field in fields(settings):
        text = get_field_docstring(settings, field.name, ())
        assert text, field.name
        assert len(text) <= 100, text
        assert "\n" not in text, text


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_has_its_words_and_a_record_that_survives_a_file(kind, name, tmp_path):
    record = task_record(load(*flags(kind, name)))
    words = REGISTRIES[kind][name].words.format(network=record.network)
    assert words in task_words(record)
    assert words or (kind, name) == ("target", "image")
    content = json.loads(json.dumps(to_dict(record)))
    assert from_dict(PretrainingRecord, content, source=tmp_path) == record


@pytest.mark.parametrize("name", PRETEXTS)
def test_every_pretext_keeps_shape_and_type_and_counts_pixels_with_0_or_1(name):
    image = photos(2)
    task = build_tasks(load("--pretext", name))(image)
    assert task.seen.shape == task.image.shape == image.shape
    assert task.seen.dtype == image.dtype
    assert torch.isfinite(task.seen).all()
    for mask in (task.weight, task.visible):
        assert mask is None or set(mask.unique().tolist()) <= {0.0, 1.0}
    assert PRETEXTS[name].drawn == (not torch.equal(task.seen, image))
    assert PRETEXTS[name].target in TARGETS


def network(target=None, side=()):
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6, dropout=(0.0,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5, dropout=(0.0,) * 5)
    return Autoencoder(encoder, decoder, target_channels=target.channels if target else 0, side=side)


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_trains_the_encoder_and_gives_its_term(name):
    target = build_target(load(*flags("target", name)))
    assert target.name == name
    model, task = network(target), TaskMaker("plain", Settings())(photos(2))
    if target.channels:
        torch.nn.init.normal_(model.heads["target"].layers.weight)
    terms = Objective(target)(TrainingForward(model), task)
    assert terms["loss"].item() > 0
    assert len(terms) > 1
    terms["loss"].backward()
    assert model.encoder.stages[0][0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", SIDE_OBJECTIVES)
def test_every_side_objective_trains_the_encoder_alone_and_is_drawn_at_the_size_of_the_image(name):
    entry, image = SIDE_OBJECTIVES[name], photos(4)
    assert entry.weight in {field.name for field in fields(entry.settings)}
    assert entry.settings() == entry.settings(**{entry.weight: 0.0}), "it is off by default"
    mask = torch.randint(0, 2, (4, 64, 64))
    other = (image.flip(-1), mask.flip(-1)) if entry.views == 2 else None
    model, part = network(side=[name]), entry.load()(0.5, entry.settings())
    assert part.name == name
    terms = Objective(None, [part])(TrainingForward(model), TaskMaker("plain", Settings())(image, mask, other))
    assert terms["loss"].item() == pytest.approx(0.5 * terms[name].item())
    terms["loss"].backward()
    assert model.encoder.stages[0][0].weight.grad.abs().sum() > 0
    with torch.no_grad():
        drawn = part.picture(model.eval().decode(model.encode(image))[name], mask)
    assert all(picture.shape == (4, 64, 64, 3) and picture.dtype == np.uint8 for picture in drawn.values())


@pytest.mark.parametrize("side", [(), *[(name,) for name in SIDE_OBJECTIVES], tuple(SIDE_OBJECTIVES)])
def test_a_network_with_any_heads_is_rebuilt_from_its_file(side):
    model, image = network(side=side).eval(), photos(2)
    again = Autoencoder.from_architecture(json.loads(json.dumps(model.architecture()))).eval()
    again.load(model.sections(), "the file")
    ours, theirs = model.decode(model.encode(image)), again.decode(again.encode(image))
    assert ours.keys() == theirs.keys() == {"image", *side}
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@dataclass(frozen=True)
class StripeSettings(Settings):
    """Settings of the toy pretext."""

    stripe: Annotated[int, Field(ge=1)] = 4
    """Width of a stripe in pixels."""


def stripes(image, settings):
    """Every other stripe of columns is black."""
    kept = (torch.arange(image.shape[-1]) // settings.stripe % 2).to(image)
    return Task(image * kept, image, weight=(1 - kept).expand(len(image), 1, *image.shape[-2:]))


class MeanColour(CellTarget):
    """The mean colour of each cell."""

    name = "mean_colour"

    def __init__(self, settings, channels):  # noqa: ARG002
        super().__init__()
        self.channels = channels

    def forward(self, image):
        return F.avg_pool2d(image, self.cell)


@dataclass(frozen=True)
class GreySettings(Settings):
    """Settings of the toy side objective."""

    grey_weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of predicting the grey image."""


class Grey(SideObjective):
    """The grey image."""

    name = "grey"

    @staticmethod
    def head(encoder, decoder):  # noqa: ARG004
        return PixelHead(decoder, 1)

    def error(self, outputs, task):
        return F.mse_loss(outputs["grey"], task.image.mean(1, keepdim=True))

    @staticmethod
    def picture(prediction, pseudo_mask):  # noqa: ARG004
        grey = (prediction.clamp(0, 1) * 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        return {"grey": grey.repeat(3, -1)}


@pytest.fixture
def toys(monkeypatch):
    monkeypatch.setitem(PRETEXTS, "stripes", Pretext(stripes, "filling in stripes", settings=StripeSettings))
    monkeypatch.setitem(TARGETS, "mean_colour", RegisteredTarget(MeanColour, "as mean colours"))
    grey = RegisteredObjective(Grey, "predicting grey images", settings=GreySettings, weight="grey_weight")
    monkeypatch.setitem(SIDE_OBJECTIVES, "grey", grey)


@pytest.mark.usefixtures("toys")
def test_what_is_registered_from_outside_is_trained_recorded_drawn_and_evaluated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toy = ["--pretext", "stripes", "--stripe", "8", "--target", "mean_colour", "--grey_weight", "0.5"]
    assert pretrain([*TINY, *SYNTHETIC, *toy, "--epochs", "1", "--report", "--output_dir", "run"]) == 0
    row = read_rows(tmp_path / "run/metrics.csv")[0]
    assert row["train/loss"] == pytest.approx(row["train/mean_colour"] + 0.5 * row["train/grey"])
    handover = load_handover(tmp_path / "run/ae.pth", kind="autoencoder")
    assert "grey_head" in handover.sections
    assert handover.task.settings == {"stripe": 8, "grey_weight": 0.5}
    assert task_words(handover.task) == "filling in stripes, as mean colours, and predicting grey images"
    assert {"pretext_val.png", "grey_val.png"} <= {path.name for path in (tmp_path / "run/figures").iterdir()}
    assert "an encoder pretrained by filling in stripes" in (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert evaluate(["--model_path", "run", "--output_dir", "again", "--device", "cpu"]) == 0


def test_a_file_with_a_head_that_is_not_registered_is_refused(tmp_path, monkeypatch, capsys, request):
    monkeypatch.chdir(tmp_path)
    request.getfixturevalue("toys")
    toy = ["--grey_weight", "0.5", "--epochs", "1", "--output_dir", "run"]
    assert pretrain([*TINY, *SYNTHETIC, *toy]) == 0
    monkeypatch.delitem(SIDE_OBJECTIVES, "grey")
    assert evaluate(["--model_path", "run", "--output_dir", "again", "--device", "cpu", "--no_report"]) == 2
    assert "unknown config key 'grey_weight'" in capsys.readouterr().err
