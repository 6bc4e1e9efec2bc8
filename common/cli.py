"""What surrounds every command: one sentence and exit code 2 for what a user can put right."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from common.config.renames import underscored
from common.errors import LostRankError, UserError
from common.failures import what_failed
from common.ranks.place import STARTED
from common.run.started import beginning
from common.say import failed, follow, follows, ready_streams, say, silence
from common.signals import Signals
from recon2seg.packages import version


@runtime_checkable
class Command(Protocol):
    """What a shell, or a test, calls: flags in, exit code out."""

    def __call__(self, argv: Sequence[str] | None = None) -> int: ...


def command(
    *, less_memory: str = "lower --batch_size or --image_size", stopped: str = "start it again"
) -> Callable[[Callable[[Sequence[str]], int | None]], Command]:
    """Make `main(argv)` return an exit code: its own, else 0; or 2 with one sentence on stderr and no traceback.

    Without `argv` the flags of the process are read; `--version` alone prints the version. Ctrl-C gives 130, SIGTERM
    143, a reader that goes away (`| head`) 141, a lost rank 1. `less_memory` says how the command takes less memory,
    `stopped` what to do after Ctrl-C where `common.signals.keeping` says nothing.
    """

    def guard(main: Callable[[Sequence[str]], int | None]) -> Command:
        @functools.wraps(main)
        def guarded(argv: Sequence[str] | None = None) -> int:
            ready_streams()
            if STARTED in os.environ:  # what comes before the ranks meet, their watcher has said
                follow("")
            words = sys.argv[1:] if argv is None else list(argv)
            with beginning(), Signals() as signals:
                try:
                    return _run(main, words)
                except UserError as error:
                    return _refuse(error)
                except BrokenPipeError:
                    silence(sys.stdout)
                    return 141  # what a shell says of SIGPIPE
                except LostRankError as error:
                    watched = follows() or STARTED in os.environ  # others say which one
                    return 1 if watched else _refuse(error, 1)
                except KeyboardInterrupt as stop:
                    return signals.code if follows() else _refuse(str(stop) or f"interrupted: {stopped}", signals.code)
                except Exception as error:
                    if signals.came:  # extension modules make other errors of an interrupt
                        return _refuse(f"interrupted: {stopped}", signals.code)
                    sentence = what_failed(error, words, less_memory)
                    if sentence is None:
                        raise
                    return _refuse(sentence)

        return guarded

    return guard


def _run(main: Callable[[Sequence[str]], int | None], words: Sequence[str]) -> int:
    """Run a command to the last letter that it prints, also where `--help` ends it; return its exit code."""
    code = None
    try:
        if words == ["--version"]:
            say(version())
        else:
            code = main(words)
    except SystemExit:
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return code or 0


def drop_bare_flag(flag: str, argv: Sequence[str]) -> list[str]:
    """The words of a command line, less a flag that stands without its number and so means its default.

    System A's users type --visualize_samples as a switch.
    """
    following = zip(argv, [*argv, "--"][1:], strict=True)
    return [word for word, after in following if underscored(word) != flag or not after.startswith("-")]


def _refuse(sentence: object, code: int = 2) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        silence(sys.stdout)
    failed(sentence)
    return code
