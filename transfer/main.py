"""Phase 2: `python -m transfer.main --data_dir IMAGES_AND_MASKS --pretrained_encoder ae.pth`."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.config.recipes import CONFIGS
from common.ranks.door import run_folder
from common.ranks.launch import start_ranks
from common.ranks.place import find_place, said_once
from common.say import note, say
from common.signals import keeping_epochs
from transfer.config import TransferConfig
from transfer.unused import unused


@command()
def main(argv: Sequence[str]) -> int | None:
    """Load the settings, the data and the network with its encoder; train; report on the test images."""
    demo = CONFIGS / "transfer" / "demo.yaml"
    with said_once():
        config = load_config(TransferConfig, argv, prog="python -m transfer.main", demo=demo)
        place = find_place(config)
    for sentence in unused(config, argv):
        note(sentence)
    if place.is_to_start:
        return start_ranks("transfer.main", argv, place.world, config.run.output_dir)
    with run_folder("transfer", place, config) as held, keeping_epochs(held.path):
        if held.finished:
            say(f"the run in {held.path} is finished: see its metrics.json")
            return None
        from transfer.phase import train_run  # now: --help needs no torch

        if config.data.all_folds:
            from transfer.folds.training import cross_validate

            cross_validate(config, held)
        else:
            train_run(config, held)
    return None


if __name__ == "__main__":
    sys.exit(main())
