"""Earlier name of ``demo_core.models.model``; import from ``demo_core.models``."""

from demo_core.models.model import *  # noqa: F403
