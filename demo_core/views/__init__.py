"""Figures of results with matplotlib: drawing functions, figures of explanations, and notebook views.

This package does not import torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
