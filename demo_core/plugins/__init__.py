"""What plugins register and how they are found: specs, options, hooks, discovery, registry, failures.

Light: nothing here imports torch, numpy, h5py or matplotlib.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
