"""Earlier name of ``demo_core.views.figures``; import from ``demo_core.views``."""

from demo_core.views.figures import *  # noqa: F403
