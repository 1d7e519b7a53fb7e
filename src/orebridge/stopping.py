"""Ctrl-C: heard while the program loads, by threads at their next solve, and where a library swallowed the interrupt."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

interrupted = threading.Event()


def stop_if_interrupted() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed since the command began."""
    if interrupted.is_set():
        raise KeyboardInterrupt


@contextmanager
def ctrl_c_heard() -> Iterator[None]:
    """Within it Ctrl-C raises KeyboardInterrupt as usual and is remembered for `stop_if_interrupted`.

    An error that comes of it is a KeyboardInterrupt too: Python and libraries wrap what is raised inside their hooks.
    """

    def stop(*_: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    except Exception as error:
        if interrupted.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
        interrupted.clear()
