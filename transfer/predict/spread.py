"""Work that is spread over processes of this computer, which tell what they have done as it comes. Imports no torch."""

import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, TypeVar

from common.errors import LostRankError, UserError
from common.say import follow
from common.terminal import CONSOLE

Share = TypeVar("Share")
Told = TypeVar("Told")


class _End(NamedTuple):
    """The last thing that a process tells: what ended it early, if anything did."""

    error: Exception | None = None


def spread(work: Callable[[Share], Iterable[Told]], shares: Sequence[Share]) -> Generator[Told, None, None]:
    """What `work` gives of each share, in a process of its own, as it comes; in them nothing is said or shown.

    What is raised in one of them is raised here. Raises LostRankError where one is gone. The others then end, too.
    """
    context, processes = get_context("spawn"), dict[Any, BaseProcess]()  # by what it tells; Windows has another class
    try:
        with _interrupts_ignored():
            for number, share in enumerate(shares, 1):
                reader, writer = context.Pipe(duplex=False)
                name, told = f"process {number} of {len(shares)}", (work, share, writer, len(shares))
                processes[reader] = context.Process(target=_process, args=told, name=name, daemon=True)
                processes[reader].start()
                writer.close()
        yield from _told(processes)
    finally:
        for process in processes.values():
            process.kill()
            process.join()


def _told(processes: Mapping[Any, BaseProcess]) -> Iterator[Any]:
    talking = set(processes)
    while talking:
        ready: list[Any] = wait(talking)
        for reader in ready:
            try:
                told = reader.recv()
            except (EOFError, OSError):
                raise _lost(processes[reader]) from None
            if not isinstance(told, _End):
                yield told
                continue
            if told.error is not None:
                raise told.error
            talking.remove(reader)


def _lost(process: BaseProcess) -> LostRankError:
    process.join()
    code = process.exitcode or 0
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return LostRankError(
        f"{process.name} was lost ({how}), and the others ended: what is finished is kept; start the same command "
        "again for the rest"
    )


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes that are started inside pass over Ctrl-C, which the one that starts them hears: it ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _process(work: Callable[[Share], Iterable[Told]], share: Share, writer: Connection, count: int) -> None:
    """Do the work of a share, and tell of it."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // count, 1)))  # before torch is imported
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    follow("")
    CONSOLE.quiet = True
    try:
        for told in work(share):
            writer.send(told)
        writer.send(_End())
    except BrokenPipeError:  # the starter is gone
        return
    except (UserError, OSError, MemoryError, RuntimeError) as error:
        error.add_note(traceback.format_exc())  # of this process, if the starter shows one
        writer.send(_End(error))


def _end_with_the_starter() -> None:
    starter = parent_process()
    if starter is not None:
        starter.join()
        os._exit(1)
