"""Sequences: alphabets and one-hot encoding, intervals, shuffling, motifs, and text files.

This package does not use labels, HDF5 files or models.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
