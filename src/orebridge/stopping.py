"""Ctrl-C has been pressed: a flag for whoever works outside the main thread, or where a library swallowed the interrupt."""

from __future__ import annotations

import threading

interrupted = threading.Event()


def stop_if_interrupted() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed since the command began."""
    if interrupted.is_set():
        raise KeyboardInterrupt
