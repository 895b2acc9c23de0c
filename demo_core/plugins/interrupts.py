"""Interrupts of a run: Ctrl-C, SIGTERM from a cluster, a terminal that closes."""

from __future__ import annotations

import _thread
import os
import signal
import time
import traceback
from types import FrameType

#: Further signals within this number of seconds are ignored, so that the first one's clean-up can finish.
_GRACE = 3.0
_WEAK, _LOCK = ("weakref", "_weakrefset"), ("importlib._bootstrap", "cb")


class _State:
    installed = False
    last: float | None = None


def install() -> None:
    """Raise KeyboardInterrupt on SIGINT, SIGTERM and SIGHUP; ignored signals other than SIGTERM stay ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN or number == signal.SIGTERM:
            signal.signal(number, _interrupt)
    _State.installed = True


def from_outside() -> bool:
    """Return whether a KeyboardInterrupt can be the user's: a signal arrived, or signals are not counted."""
    return not _State.installed or _State.last is not None


def passes(error: BaseException) -> bool:
    """Return whether an exception is not a plugin's own: the user's interrupt, or the end of a generator."""
    return isinstance(error, GeneratorExit) or (isinstance(error, KeyboardInterrupt) and from_outside())


def _interrupt(number: int, frame: FrameType | None) -> None:
    stack = [(str(f.f_globals.get("__name__")), f.f_code.co_name) for f, _ in traceback.walk_stack(frame)]
    importing = {name.partition(".")[0] for name, code in stack if code == "<module>"} & {"torch", "h5py", "numpy"}
    if importing or any(code == "__del__" or name in _WEAK or (name, code) == _LOCK for name, code in stack):
        # an exception can end the process in the C++ code of a library that is being imported, and is ignored in
        # finalizers and callbacks of weak references, such as that of import locks: send the signal later
        _thread.start_new_thread(_send_later, (number,))  # threading takes locks that the interrupted code may hold
        return
    now = time.monotonic()
    if _State.last is None or now - _State.last >= _GRACE:
        _State.last = now
        raise KeyboardInterrupt


def _send_later(number: int) -> None:
    time.sleep(0.01)
    os.kill(os.getpid(), number)
