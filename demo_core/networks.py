"""Earlier name of ``demo_core.models.layers``; import from ``demo_core.models``."""

from demo_core.models.layers import *  # noqa: F403
