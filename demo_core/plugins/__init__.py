"""What a plugin registers and how it is found: specs, options, hooks, discovery, the registry, and failures.

Light: nothing here imports torch, numpy, h5py or matplotlib.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
