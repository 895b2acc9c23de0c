"""Earlier name of ``demo_core.running.job``; import from ``demo_core.running``."""

from demo_core.running.job import *  # noqa: F403
