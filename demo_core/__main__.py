"""The ``demo`` command; ``python -m demo_core`` is the same."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from demo_core.cli import run

    # a cluster's time limit comes as SIGTERM, and is met as Ctrl-C is: what is done is kept
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
