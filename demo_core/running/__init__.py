"""Running an explainer: jobs, sources and sinks, the checks on what comes back, and what tells one run from another."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
