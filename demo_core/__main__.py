"""Entry point of the ``demo`` command, and of ``python -m demo_core``."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from demo_core.cli.streams import make_lasting
        from demo_core.plugins.interrupts import install

        install()
        make_lasting()
        from demo_core.cli import run

        code = run(sys.argv[1:])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: os._exit(code))  # the work is done and written; end at once
    except KeyboardInterrupt:
        sys.stderr.write("demo: interrupted while starting\n")
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
