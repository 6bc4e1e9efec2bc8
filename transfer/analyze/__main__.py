"""`python -m transfer.analyze --data_dir IMAGES_AND_MASKS`: a labelled data set as numbers and a picture."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.run.hold import hold
from transfer.analyze.config import AnalyzeConfig


@command(less_memory="lower --image_size or --num_workers", stopped="the data are as they were, start it again")
def main(argv: Sequence[str]) -> None:
    """Load the data; write its statistics and a picture."""
    config = load_config(AnalyzeConfig, argv, prog="python -m transfer.analyze")

    with hold(config.analyze.output, "--output"):
        from transfer.analyze.analysis import Analysis  # now: --help needs no torch

        Analysis(config).write()


if __name__ == "__main__":
    sys.exit(main())
