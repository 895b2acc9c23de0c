"""Pictures of results with matplotlib: drawing primitives, figures of explanations, and notebook summaries.

Nothing here imports torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
