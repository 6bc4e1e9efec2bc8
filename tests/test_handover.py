"""What phase 1 learnt is what phase 2 starts from: the same maps, bit for bit, or a refusal."""

import pytest
import torch

from common.checkpoint import Handover, load_handover, save_handover, sections_of
from common.config import load_config
from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from pretrain.model import Autoencoder
from transfer.build import build_network
from transfer.config import TransferConfig


def write_autoencoder(path, *, norm="instance", drop=None, extra=None):
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 4, 6, 6, 8, 8), norm=norm)
    model = Autoencoder(encoder, UNetDecoder(encoder.channels, encoder.strides, norm=norm))
    sections = sections_of(model)
    if drop:
        del sections["encoder"][drop]
    if extra:
        sections["encoder"][extra] = torch.zeros(2)
    save_handover(Handover("autoencoder", model.architecture(), sections, {}, {"pretext": "plain"}), path)
    return model


def receive(path):
    config = load_config(TransferConfig, ["--pretrained_encoder", str(path), "--image_size", "64"], prog="")
    torch.manual_seed(1)
    return build_network(config, 3)


@pytest.mark.parametrize("norm", ["instance", "batch", "group"])
def test_the_received_encoder_sees_what_the_autoencoder_saw(norm, tmp_path):
    model = write_autoencoder(tmp_path / "ae.pth", norm=norm)
    net, slip, _ = receive(tmp_path / "ae.pth")
    image = torch.rand(2, 3, 64, 64)
    for ours, theirs in zip(net.eval().encoder(image), model.eval().encoder(image), strict=True):
        assert torch.equal(ours, theirs)
    assert slip.loaded == slip.tensors > 0
    assert "0 missing" in str(slip)


def test_the_output_head_is_not_handed_over(tmp_path):
    model = write_autoencoder(tmp_path / "ae.pth")
    net, _, _ = receive(tmp_path / "ae.pth")
    assert not torch.equal(net.head.weight, model.head.weight)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"drop": "stages.0.0.weight"}, "missing.*stages.0.0.weight"),
        ({"extra": "stages.9.weight"}, "unexpected.*stages.9.weight"),
    ],
)
def test_an_encoder_that_is_not_whole_stops_the_run_and_names_the_tensors(change, said, tmp_path):
    write_autoencoder(tmp_path / "ae.pth", **change)
    with pytest.raises(UserError, match=said):
        receive(tmp_path / "ae.pth")


def test_weights_of_another_shape_are_refused(tmp_path):
    write_autoencoder(tmp_path / "ae.pth")
    file = load_handover(tmp_path / "ae.pth")
    file.architecture["encoder"]["widths"][0] = 5
    save_handover(file, tmp_path / "ae.pth")
    with pytest.raises(UserError, match="shape"):
        receive(tmp_path / "ae.pth")


def test_a_run_folder_stands_for_its_handover_file(tmp_path):
    write_autoencoder(tmp_path / "best.pth")
    assert receive(tmp_path)[1].pretrained
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"cannot read .*empty/ae\.pth"):
        receive(tmp_path / "empty")
