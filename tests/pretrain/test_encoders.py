"""Every encoder is pretrained by every pretext, target and side objective, and handed over whole."""

import json

import pytest
import torch

from common.config.load import load_config
from common.engine.precision import Precision
from common.errors import UserError
from common.models.parts import ENCODERS, EncoderPart
from common.models.smp import SMPEncoder
from pretrain.build import begin, build_model, build_objective, build_painter, build_target, build_tasks, start_from
from pretrain.config import config_class
from pretrain.losses.registry import SIDE_OBJECTIVES
from pretrain.model import Autoencoder, TrainingForward
from pretrain.pretexts.registry import PRETEXTS
from pretrain.probe.probe import features_at
from pretrain.scoring import reconstruction_scores
from pretrain.targets.registry import TARGETS
from tests.pretrain.pretexts.photos import photos
from tests.test_registries import ToyEncoder

NAMES = {
    "unet": ["--widths", "4", "4", "4", "4", "4", "4"],
    "mobilenet_v2": ["--encoder", "mobilenet_v2"],
    "library": ["--encoder", "resnet18"],
    "dilated": ["--encoder", "resnet18", "--encoder_stride", "16"],
    "toy": ["--encoder", "toy"],
}
SIDE = [word for entry in SIDE_OBJECTIVES.values() for word in (f"--{entry.weight}", "0.5")]
RANDOM = ["--encoder_weights", "none", "--perceptual_init", "random", "--image_size", "64", "--jitter", "0.2"]


def settings(encoder, *words):
    return load_config(config_class(), [*NAMES[encoder], *RANDOM, *words], prog="")


def built(config):
    torch.manual_seed(0)
    target = build_target(config)
    model = build_model(config, target)
    return model, build_objective(config, target)


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    monkeypatch.setitem(ENCODERS, "toy", EncoderPart(ToyEncoder, "toy", ("in_channels",)))


@pytest.mark.parametrize("encoder", ["mobilenet_v2", "library", "toy"])
@pytest.mark.parametrize(
    "words",
    [*(["--pretext", name] for name in PRETEXTS), *(["--target", name] for name in TARGETS if name != "hog"), SIDE],
    ids=lambda words: "_".join(words[:2]).removeprefix("--"),
)
def test_the_whole_encoder_learns_from_every_pretext_target_and_side_objective(encoder, words):
    config = settings(encoder, "--decoder_stride", "4", *words)
    model, objective = built(config)
    if "target" in model.heads:  # it begins at 0, and then nothing reaches the encoder
        torch.nn.init.normal_(model.heads["target"].layers.weight)
    image, mask = photos(2), torch.randint(0, 2, (2, 64, 64))
    task = build_tasks(config)(image, mask, (image.flip(-1), mask.flip(-1)))
    objective(TrainingForward(model), task)["loss"].backward()
    still = [name for name, value in model.encoder.named_parameters() if value.grad is None or not value.grad.any()]
    assert still == []


@pytest.mark.parametrize(("encoder", "stride"), [*((name, 8) for name in NAMES if name != "toy"), ("toy", 1)])
def test_every_encoder_paints_scores_and_is_rebuilt(encoder, stride):
    config = settings(encoder, "--decoder_stride", str(stride), "--pseudo_mask_weight", "1")
    model, _ = built(config)
    image = photos(2)
    painter = build_painter(model, config, precision=Precision(torch.device("cpu")), progress=lambda _: 0.5)
    painter.learn(image)
    reconstruction = model.eval()(image)
    assert reconstruction.shape == image.shape
    assert all(values.isfinite().all() for values in reconstruction_scores(reconstruction, image).values())
    outputs = model.decode(model.encode(image))
    assert outputs["pseudo_mask"].shape == (2, 1, 64, 64)
    assert outputs["target"].shape[2:] == (8, 8)
    again = Autoencoder.from_architecture(json.loads(json.dumps(model.architecture()))).eval()
    again.load(model.sections(), "the file")
    assert torch.equal(again(image), reconstruction)
    rows = features_at(model.encode(image), torch.zeros(2, 3, dtype=torch.int64).numpy(), 64)
    assert rows.shape == (6, sum(model.encoder.channels))


def test_a_decoder_that_would_have_no_step_is_refused():
    with pytest.raises(UserError, match=r"--decoder_stride 8 leaves .* map of --encoder toy has stride 8"):
        built(settings("toy", "--decoder_stride", "8"))


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="no such encoder; did you mean mobilenet_v2"):
        build_model(load_config(config_class(), ["--encoder", "mobilnet_v2"], prog=""), None)


def test_a_size_that_the_encoder_cannot_take_is_refused():
    with pytest.raises(UserError, match="multiples of 32 and at least 64"):
        built(settings("mobilenet_v2", "--image_size", "72"))


def test_an_encoder_begins_with_its_weights_and_with_start_from_these_are_not_asked_for(tmp_path):
    torch.manual_seed(1)
    donor = SMPEncoder(encoder="resnet18").network
    torch.save(donor.state_dict(), tmp_path / "mine.pth")
    words = ["--encoder", "resnet18", "--image_size", "64"]
    config = load_config(config_class(), [*words, "--encoder_weights_path", str(tmp_path / "mine.pth")], prog="")
    model, _ = built(config)
    begun = begin(model, config)
    assert (begun.loaded, begun.uses_imagenet_labels, begun.unknown_labels) == (120, False, True)
    assert str(begun).endswith("(resnet18): 120 tensors loaded; the file does not say whose labels are in them")
    assert torch.equal(model.encoder.network.conv1.weight, donor.conv1.weight)
    config = load_config(config_class(), [*words, "--start_from", "ae.pth"], prog="")
    assert begin(model, config).loaded == 0


def test_an_autoencoder_of_another_encoder_is_refused_by_its_name(tmp_path):
    from common.run.checkpoint import save_handover
    from pretrain.record import task_record
    from tests.records import autoencoder_handover

    config = settings("library")
    save_handover(autoencoder_handover(built(config)[0], task_record(config)), tmp_path / "ae.pth")
    other = settings("unet", "--start_from", str(tmp_path / "ae.pth"))
    with pytest.raises(UserError, match="has the encoder resnet18, and --encoder is unet: give --encoder resnet18"):
        start_from(built(other)[0], other)
    same = settings("library", "--start_from", str(tmp_path / "ae.pth"))
    assert start_from(built(same)[0], same) is not None
