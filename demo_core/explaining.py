"""Earlier name of ``demo_core.running.explain``; import from ``demo_core``."""

from demo_core.running.explain import *  # noqa: F403
