"""`python -m transfer.export --model_path best.pth`: a trained network as files that other programs run."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.run.hold import hold
from transfer.export.config import ExportConfig


@command(less_memory="lower --check_images")
def main(argv: Sequence[str]) -> None:
    """Load the network; write each file, and compare it with the network; print size and speed of each."""
    config = load_config(ExportConfig, argv, prog="python -m transfer.export").export

    with hold(config.folder, "--output"):
        from transfer.export.export import Export  # now: --help needs no torch

        Export(config).run()


if __name__ == "__main__":
    sys.exit(main())
