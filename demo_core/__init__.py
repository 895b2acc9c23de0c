"""DeMo Dashboard: find out why a neural network that reads DNA predicts what it predicts.

Importing this package is light. What needs numpy or torch is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

# While `python -m demo_core` looks for its package, argv[0] is "-m" and the current folder is first on the path:
# a pluggy.py or demo_cnn.py that lies there must not be taken for the real one.
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    del sys.path[0]

from demo_core.errors import DemoError, ExitCode, MisfitError, PluginError, UsageProblem
from demo_core.hookspecs import hookimpl
from demo_core.specs import Architecture, Command, DatasetReader, Explainer, Register

if TYPE_CHECKING:
    from demo_core.batch import Batch, Result, RunRandom
    from demo_core.dataset import SequenceDataset
    from demo_core.explaining import explain
    from demo_core.explanation import Explanation
    from demo_core.intervals import Interval, parse_locus
    from demo_core.model import Model
    from demo_core.records import Record, RecordBlock
    from demo_core.targets import Target
    from demo_core.textfiles import BadSource, text_lines

# What light plugin modules do not need is left out of every start-up
_LAZY = {
    "BadSource": "demo_core.textfiles",
    "Batch": "demo_core.batch",
    "Explanation": "demo_core.explanation",
    "Interval": "demo_core.intervals",
    "Model": "demo_core.model",
    "Record": "demo_core.records",
    "RecordBlock": "demo_core.records",
    "Result": "demo_core.batch",
    "RunRandom": "demo_core.batch",
    "SequenceDataset": "demo_core.dataset",
    "Target": "demo_core.targets",
    "explain": "demo_core.explaining",
    "parse_locus": "demo_core.intervals",
    "text_lines": "demo_core.textfiles",
}

__all__ = [
    "Architecture",
    "BadSource",
    "Batch",
    "Command",
    "DatasetReader",
    "DemoError",
    "ExitCode",
    "Explainer",
    "Explanation",
    "Interval",
    "MisfitError",
    "Model",
    "PluginError",
    "Record",
    "RecordBlock",
    "Register",
    "Result",
    "RunRandom",
    "SequenceDataset",
    "Target",
    "UsageProblem",
    "explain",
    "hookimpl",
    "parse_locus",
    "text_lines",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'demo_core' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
