"""DeMo Dashboard: find out why a neural network that reads DNA predicts what it predicts.

The contract: what plugin authors and Python users import. Names are listed in ``__init__.pyi`` and imported when they
are first used, so that importing this package stays light. Further public names are in the rooms: ``plugins``,
``sequences``, ``data``, ``models``, ``results``, ``running``, ``storage``, ``views``, ``cli`` and ``testing``.
"""

import sys

# While `python -m demo_core` looks for its package, argv[0] is "-m" and the current folder is first on the path:
# a pluggy.py or demo_cnn.py that lies there must not be taken for the real one.
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    del sys.path[0]

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

if (_shell := getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()) is not None:
    from demo_core.views.registration import register_with_ipython

    register_with_ipython(_shell)
