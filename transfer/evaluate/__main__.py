"""`python -m transfer.evaluate --model_path best.pth` scores a trained network, and draws its predictions."""

import sys
from collections.abc import Sequence

from common.cli import command, drop_bare_flag
from common.config.load import load_config
from common.run.hold import hold
from transfer.evaluate.config import EvaluateConfig


@command(less_memory="lower --batch_size or --num_workers", stopped="its figures are not complete, start it again")
def main(argv: Sequence[str]) -> None:
    """Load the network and the images; score; draw."""
    words = drop_bare_flag("--visualize_samples", argv)
    config = load_config(EvaluateConfig, words, prog="python -m transfer.evaluate").evaluate

    with hold(config.folder):
        from common.data.opened import read_up_to  # now: --help needs no torch
        from transfer.evaluate.evaluation import Evaluation

        with read_up_to(config.max_pixels):
            evaluation = Evaluation(config)
            scored = evaluation.score()
            analysis = evaluation.analyze(scored) if config.analyze_latent_space else None
            evaluation.report(scored, analysis)


if __name__ == "__main__":
    sys.exit(main())
