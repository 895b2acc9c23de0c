"""Explanations: the kinds, the file of one run, and where its values came from."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
