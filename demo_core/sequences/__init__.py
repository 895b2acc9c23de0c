"""Sequences: alphabets and one-hot encoding, intervals, shuffling, motifs, and text files.

Nothing here knows of labels, files in HDF5 or models.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
