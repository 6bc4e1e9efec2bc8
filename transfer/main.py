"""Phase 2: `python -m transfer.main --data_dir IMAGES_AND_MASKS --pretrained_encoder ae.pth`."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import CONFIGS, load_config
from common.say import say
from common.signals import keeping_epochs
from transfer.config import TransferConfig


@command()
def main(argv: Sequence[str]) -> None:
    """Load the settings, the data and the network with its encoder; train; report on the test images."""
    config = load_config(TransferConfig, argv, prog="python -m transfer.main", demo=CONFIGS / "transfer" / "demo.yaml")

    from transfer.phase import Transfer  # after the flags: --help answers without importing torch

    phase = Transfer(config)
    if phase.run.finished:
        say(f"the run in {phase.run.folder} is finished: see its metrics.json")
        return
    with keeping_epochs(phase.run.folder):
        phase.report(phase.train())


if __name__ == "__main__":
    sys.exit(main())
