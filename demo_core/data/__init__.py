"""Labelled sequences: records of readers, dataset files, and the import of records."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
