"""What surrounds every command: one sentence and exit code 2 for what a user can put right."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from common.config.renames import underscored
from common.errors import NO_SPACE, UserError
from recon2seg.packages import version


@runtime_checkable
class Command(Protocol):
    """What a shell, or a test, calls: flags in, exit code out."""

    def __call__(self, argv: Sequence[str] | None = None) -> int: ...


def command(main: Callable[[Sequence[str]], None]) -> Command:
    """Make `main(argv)` return an exit code: 0, or 2 with one sentence on stderr and no traceback.

    Without `argv` the flags of the process are read; `--version` alone prints the version. Ctrl-C gives 130, a reader
    that goes away (`| head`) 141.
    """

    @functools.wraps(main)
    def guarded(argv: Sequence[str] | None = None) -> int:
        words = sys.argv[1:] if argv is None else argv
        if list(words) == ["--version"]:
            print(version())
            return 0
        try:
            main(words)
        except UserError as error:
            return _refuse(str(error), 2)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the exit writes, and fails, once more
            return 141  # what a shell says of SIGPIPE
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            return _refuse(f"the disk is full ({error.filename or 'while writing'}): free some space", 2)
        except KeyboardInterrupt as stop:
            usual = "interrupted; a training goes on with --resume and its --output_dir"
            return _refuse(str(stop) or usual, 130)
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            return _refuse("the device is out of memory: lower --batch_size or --image_size, or set --amp", 2)
        return 0

    return guarded


def drop_bare_flag(flag: str, argv: Sequence[str]) -> list[str]:
    """The words of a command line, less a flag that stands without its number and so means its default.

    System A's users type --visualize_samples as a switch.
    """
    following = zip(argv, [*argv, "--"][1:], strict=True)
    return [word for word, after in following if underscored(word) != flag or not after.startswith("-")]


def _refuse(sentence: str, code: int) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return code
