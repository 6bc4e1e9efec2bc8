"""Phase 1: `python -m pretrain.main --data_dir PHOTOGRAPHS` trains an autoencoder and writes ae.pth."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.config.recipes import CONFIGS
from common.run.claim import RunFolder, refuse_several_processes
from common.say import say
from common.signals import keeping_epochs
from pretrain.config import config_class


@command()
def main(argv: Sequence[str]) -> None:
    """Load the settings, the data and the network; train; hand over; report."""
    config = load_config(config_class(), argv, prog="python -m pretrain.main", demo=CONFIGS / "pretrain" / "demo.yaml")

    refuse_several_processes()
    with RunFolder("pretrain", config, copies=config.copies) as held, keeping_epochs(held.path):
        if held.finished:
            say(f"the run in {held.path} is finished: see its metrics.json")
            return
        from pretrain.phase import Pretraining  # now: --help needs no torch

        phase = Pretraining(config, held)
        progress = phase.train()
        phase.hand_over()
        phase.report(progress)
        held.finish()


if __name__ == "__main__":
    sys.exit(main())
