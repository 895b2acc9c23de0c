"""Running an explainer: jobs, batches, the checks on what comes back, fingerprints, and runs into files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
