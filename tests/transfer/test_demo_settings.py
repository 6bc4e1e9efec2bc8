"""The settings of the embedded data's training, where only some of them are typed."""

from common.config.load import load_config
from common.config.recipes import CONFIGS
from transfer.config import TransferConfig


def test_the_demo_leaves_the_decoder_to_a_pretraining_and_to_other_widths():
    typed = ["--pretrained_encoder", "ae.pth", "--transfer", "encoder+decoder"]
    demo = CONFIGS / "transfer" / "demo.yaml"
    assert not load_config(TransferConfig, typed, prog="", demo=demo).decoder.another
    assert not load_config(TransferConfig, ["--widths", "8", "16"], prog="", demo=demo).decoder.another
