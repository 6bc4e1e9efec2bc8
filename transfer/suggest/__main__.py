"""`python -m transfer.suggest --model_path RUN --input PHOTOGRAPHS --output FOLDER`: the images to label next."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.run.hold import hold
from transfer.suggest.config import SuggestConfig


@command(less_memory="lower --batch_size or --num_workers", stopped="nothing is suggested yet, start it again")
def main(argv: Sequence[str]) -> None:
    """Load the networks; look at the images; write those to label next."""
    config = load_config(SuggestConfig, argv, prog="python -m transfer.suggest").suggest

    with hold(config.folder, "--output"):
        from common.data.opened import read_up_to  # now: --help needs no torch
        from transfer.suggest.suggestion import Suggestion

        with read_up_to(config.max_pixels):
            Suggestion(config).run()


if __name__ == "__main__":
    sys.exit(main())
