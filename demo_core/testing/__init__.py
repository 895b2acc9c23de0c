"""For plugin authors: small data and models, and conformance checks."""

from demo_core.testing.check import Check, DoesNotApply
from demo_core.testing.conformance import checks_for, parametrize_with_checks, registered_from
from demo_core.testing.fitting import fit_briefly
from demo_core.testing.readers import ReaderExample
from demo_core.testing.tiny import planted_records, tiny_dataset, tiny_model

__all__ = [
    "Check",
    "DoesNotApply",
    "ReaderExample",
    "checks_for",
    "fit_briefly",
    "parametrize_with_checks",
    "planted_records",
    "registered_from",
    "tiny_dataset",
    "tiny_model",
]
