"""Phase 1: `python -m pretrain.main --data_dir PHOTOGRAPHS` trains an autoencoder and writes ae.pth."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import CONFIGS, load_config
from common.say import say
from common.signals import keeping_epochs
from pretrain.config import config_class


@command()
def main(argv: Sequence[str]) -> None:
    """Load the settings, the data and the network; train; hand over; report."""
    config = load_config(config_class(), argv, prog="python -m pretrain.main", demo=CONFIGS / "pretrain" / "demo.yaml")

    from pretrain.phase import Pretraining  # after the flags: --help answers without importing torch

    phase = Pretraining(config)
    if phase.run.finished:
        say(f"the run in {phase.run.folder} is finished: see its metrics.json")
        return
    with keeping_epochs(phase.run.folder):
        progress = phase.train()
        phase.hand_over()
        phase.report(progress)


if __name__ == "__main__":
    sys.exit(main())
