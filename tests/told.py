"""Explanations with changed provenance, like files from other sources."""

from demo_core.results.explanation import Explanation
from demo_core.results.provenance import Provenance


def retell(explanation: Explanation, **changes: object) -> None:
    """Change entries of an explanation's provenance. ``model__digest`` is an entry of its model."""
    record = dict(explanation.metadata)
    for name, value in changes.items():
        section, _, key = name.rpartition("__")
        if section:
            record[section] = {**record[section], key: value}
        else:
            record[key] = value
    explanation.provenance = Provenance.parse(record)
