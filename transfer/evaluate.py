"""`python -m transfer.evaluate --model_path best.pth` scores a trained network, and draws what it does."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config import load_config
from transfer.config import EvaluateConfig


@command
def main(argv: Sequence[str]) -> None:
    """Load the network and the images it is asked about; score; draw."""
    words = _with_numbers(list(argv))
    config = load_config(EvaluateConfig, words, prog="python -m transfer.evaluate").evaluate

    from transfer.evaluation import Evaluation  # after the flags: --help answers without importing torch

    evaluation = Evaluation(config)
    evaluation.score()
    if config.visualize_samples:
        evaluation.draw_samples()
    if config.analyze_latent_space:
        evaluation.draw_latents()
    print(f"pictures and figures: {evaluation.folder}")


def _with_numbers(words: list[str]) -> list[str]:
    """System A's users type --visualize_samples as a switch; as such it means its default."""
    flag = "--visualize_samples"
    bare = [i for i, word in enumerate(words) if word == flag and (words[i + 1 : i + 2] or ["--"])[0].startswith("-")]
    return [word for i, word in enumerate(words) if i not in bare]


if __name__ == "__main__":
    sys.exit(main())
