"""Trained networks: the model and its folder, targets, layers for plugins, devices, and trust in foreign code."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
