"""Which of several processes this is, as torchrun says it; light, since most commands are alone."""

from __future__ import annotations

import os


def several() -> bool:
    """Whether torchrun started this process beside others; a scheduler may set one of these for itself."""
    known = all(os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))
    return known and os.environ["WORLD_SIZE"] != "1"


def first() -> bool:
    """Whether this is the process that writes: the only one, or the first of several."""
    return not several() or os.environ["RANK"] == "0"
