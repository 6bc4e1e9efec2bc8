"""`python -m transfer.demo --model_path best.pth` opens a page: an image in, its mask out."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.run.next_step import last_lines, predict_with
from transfer.demo.config import DemoConfig
from transfer.demo.server import Server


@command(less_memory="give smaller images")
def main(argv: Sequence[str]) -> None:
    """Take the port; load the network; answer until Ctrl-C."""
    options = load_config(DemoConfig, argv, prog="python -m transfer.demo").demo

    with Server(options) as server:
        from common.data.opened import read_up_to  # now: --help needs no torch
        from transfer.demo.answers import Answers
        from transfer.segmenter import load_model

        with read_up_to(options.max_pixels):
            model = load_model(options.file, options.device, tile=options.tile, overlap=options.overlap)
            server.run(Answers(model), str(options.network))
    last_lines("the page is closed", steps=[predict_with(options.network)])


if __name__ == "__main__":
    sys.exit(main())
