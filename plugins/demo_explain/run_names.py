"""Names of explanation files."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from demo_core.plugins import changed

if TYPE_CHECKING:
    from demo_core.running import Job

# Maximum characters of changed options in a file name
_LONGEST = 60


def run_name(job: Job, explainer: str) -> str:
    """Return ``MODEL.EXPLAINER``, with changed options and ``.TARGET`` where needed to distinguish runs.

    ``explainer`` is its unique name in the registry. Options follow it: ``cnn.saliency-simplex``,
    ``cnn.class-optimization-steps-20``. Options that make the name too long become a digest.
    """
    words = [job.model.name, *explainer.split(":")]
    if len(job.model.outputs) > 1 or job.target.form != "output":
        words.append(job.target.name)
    named = [_file_word(w) for w in words]
    place = len(explainer.split(":"))
    if options := changed(job.options):
        said = "-".join(_option_word(key, value) for key, value in options.items())
        plain = all(c.isalnum() or c in "-_." for c in said) and len(said) <= _LONGEST
        named[place] += f"-{said}" if plain else f"-{_short_digest(options)}"
    return ".".join(named)


def _option_word(name: str, value: Any) -> str:
    """Return an option as a part of a file name: "simplex", "no-simplex", "steps-20", "widths-9_5_3"."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return flag if value else f"no-{flag}"
    text = "_".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{flag}-{text.replace(':', '-')}"


def _file_word(text: str) -> str:
    """Return a part of a file name for any name; different names stay different."""
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in text)[:60].strip("_")
    return safe if safe == text else f"{safe or 'x'}-{_short_digest(text)}"


def _short_digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
