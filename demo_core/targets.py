"""Earlier name of ``demo_core.models.targets``; import from ``demo_core.models``."""

from demo_core.models.targets import *  # noqa: F403
