"""Owner of a spec: a distribution and its entry point."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Owner:
    """Owner of a spec: a distribution and its entry point.

    Examples
    --------
    >>> from demo_core.plugins import Owner
    >>> Owner("mine", "demo-mine", "0.1.0", "third-party").as_json()["distribution"]
    'demo-mine'
    """

    entry_point: str
    distribution: str
    version: str
    origin: str

    @property
    def label(self) -> str:
        """Unique name."""
        return f"{self.distribution}:{self.entry_point}"

    def describe(self) -> str:
        """Entry point, distribution and version, for messages."""
        if self.origin == "local file":
            return f"'{self.entry_point}' (local file {self.distribution})"
        return f"'{self.entry_point}' ({self.distribution} {self.version})"

    @classmethod
    def from_json(cls, record: Mapping[str, str]) -> Owner:
        """Make an owner from the result of ``as_json``; a missing part is '?'."""
        return cls(
            entry_point=record.get("plugin", "?"),
            distribution=record.get("distribution", "?"),
            version=record.get("version", "?"),
            origin=record.get("origin", "?"),
        )

    def named_in(self, names: set[str]) -> bool:
        """Return whether a list from the environment names this plugin, by entry point or distribution."""
        return bool({_normal(n) for n in names} & {_normal(self.entry_point), _normal(self.distribution)})

    def as_json(self) -> dict[str, str]:
        """Return the entry of provenance records."""
        return {
            "plugin": self.entry_point,
            "distribution": self.distribution,
            "version": self.version,
            "origin": self.origin,
        }


def _normal(name: str) -> str:
    """Normalise a distribution name as pip does: demo_x, demo.x and Demo-X are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()
