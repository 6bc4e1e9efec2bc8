"""Phase 1: `python -m pretrain.main --data_dir PHOTOGRAPHS` trains an autoencoder and writes ae.pth."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.config.recipes import CONFIGS
from common.ranks.door import run_folder
from common.ranks.launch import start_ranks
from common.ranks.place import find_place, said_once
from common.run.claim import RunFolder
from common.say import note, say
from common.signals import keeping_epochs
from pretrain.before import refuse_many, train_before
from pretrain.config import PretrainConfig, config_class
from pretrain.unused import unused


@command()
def main(argv: Sequence[str]) -> int | None:
    """Load the settings, the data and the network; train; hand over; report."""
    demo = CONFIGS / "pretrain" / "demo.yaml"
    with said_once():
        config = load_config(config_class(), argv, prog="python -m pretrain.main", demo=demo)
        place = find_place(config)
        refuse_many(config, place)
    for sentence in unused(config, argv):
        note(sentence)
    if place.is_to_start:
        return start_ranks("pretrain.main", argv, place.world, config.run.output_dir)
    with run_folder("pretrain", place, config, copies=config.copies) as held, keeping_epochs(held.path):
        if held.finished:
            return _say_finished(config, held)
        if config.handover.before:
            config, code = train_before(config, held.path, main)
            if code:
                return code
            held.start_clock()
        from common.ranks.join import in_turn  # now: --help needs no torch
        from pretrain.phase import Pretraining

        with in_turn():
            phase = Pretraining(config, held)
        progress = phase.train()
        if held.leads:
            phase.hand_over()
            phase.report(progress)
            held.finish()
    return None


def _say_finished(config: PretrainConfig, held: RunFolder) -> None:
    """Say that a run is finished; the copies that are wanted, and not there, are written."""
    say(f"the run in {held.path} is finished: see its metrics.json")
    if held.leads and not all(path.exists() for path in config.copies.values()):
        from pretrain.handover import write_copies  # now, as above

        write_copies(held.path, config, missing=True)


if __name__ == "__main__":
    sys.exit(main())
