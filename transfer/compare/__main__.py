"""`python -m transfer.compare RUN RUN ...`: finished runs in one table, and in the same figures."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.run.hold import hold
from transfer.compare.config import CompareConfig


@command(less_memory="lower --visualize_samples", stopped="the runs are as they were, start it again")
def main(argv: Sequence[str]) -> None:
    """Read the runs; write the table, the differences and the figures."""
    config = load_config(CompareConfig, argv, prog="python -m transfer.compare").compare

    with hold(config.output, "--output"):
        from transfer.compare.comparison import Comparison  # now: --help needs no torch

        Comparison(config).write()


if __name__ == "__main__":
    sys.exit(main())
