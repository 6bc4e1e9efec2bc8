"""A command in float64, in which two processes and one differ by nothing that a norm or a kink can enlarge.

`python -m double transfer.main --FLAG ...`
"""

import sys
from importlib import import_module

import torch


def main() -> int:
    """Run the command of a module."""
    torch.set_default_dtype(torch.float64)
    torch.nn.Module.float = torch.nn.Module.double  # type: ignore[method-assign]
    import common.data.batches as batches

    single = batches.to_images
    batches.to_images = lambda *given: single(*given).double()
    return import_module(sys.argv[1]).main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
