"""`python -m common.shards --data_dir PHOTOGRAPHS --output shards`: photographs as tar files, for a stream."""

import sys
from collections.abc import Sequence

from common.cli import command
from common.config.load import load_config
from common.run.hold import hold
from common.say import say
from common.shards.config import ShardsConfig


@command(less_memory="lower --images_per_shard")
def main(argv: Sequence[str]) -> None:
    """Deal the photographs out to tar files, and say how to train on them."""
    options = load_config(ShardsConfig, argv, prog="python -m common.shards").shards
    assert options.data_dir is not None, "it was checked"
    assert options.output is not None, "it was checked"
    with hold(options.output, "--output"):
        from common.shards.writing import write_shards  # now: --help needs no decoders

        pattern = write_shards(options.data_dir, options.output, size=options.images_per_shard, seed=options.seed)
        say(f"next: python -m pretrain.main --data_dir '{pattern}' --minutes 50")


if __name__ == "__main__":
    sys.exit(main())
