"""Trained networks: models and folders, targets, layers for plugins, devices, and trust in code outside plugins."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
