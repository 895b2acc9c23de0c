"""For plugin authors: tiny data and models, and checks that a plugin keeps the contract."""

from demo_core.testing.conformance import Check, checks_for, registered_from
from demo_core.testing.tiny import planted_records, tiny_dataset, tiny_model

__all__ = ["Check", "checks_for", "planted_records", "registered_from", "tiny_dataset", "tiny_model"]
