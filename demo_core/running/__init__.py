"""Run an explainer: jobs, sources, sinks, checks of results, and fingerprints of runs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
