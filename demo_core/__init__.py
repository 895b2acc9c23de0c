"""DeMo Dashboard: explain why a neural network that reads DNA makes a prediction.

This package is the contract: the names that plugin authors and Python users import. ``__init__.pyi`` lists them. They
are imported on first use, so importing this package stays fast. Further public names are in the packages ``plugins``,
``sequences``, ``data``, ``models``, ``results``, ``running``, ``storage``, ``views``, ``cli`` and ``testing``.
"""

import sys

# With `python -m demo_core`, argv[0] is "-m" and the current folder is first on the path. A pluggy.py or demo_cnn.py in
# that folder must not be imported instead of the real one.
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    del sys.path[0]

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

if (_shell := getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()) is not None:
    from demo_core.views.registration import register_with_ipython

    register_with_ipython(_shell)
