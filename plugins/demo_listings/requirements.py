"""Print lines for ``pip install -r`` that install the same plugins elsewhere."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from demo_core.errors import printable
from demo_core.plugins import Discovery, Registered


def requirements_of(found: Discovery) -> list[str]:
    """Return a line for each distribution, with the extras whose modules are installed; and remarks on what pip cannot
    install.
    """
    extras: dict[str, set[str]] = {}
    remarks = []
    for owner, state, specs in ((c.owner, c.state, c.specs) for c in found.candidates):
        if owner.origin == "local file":
            remarks.append(f"# --plugin {printable(owner.distribution, 60)} is your own file ({owner.version})")
        elif state == "active":
            mine = {s.extra for s in specs if s.extra and not Registered(s, owner).missing()}
            extras.setdefault(owner.distribution, set()).update(mine)
        else:
            remarks.append(f"# skipped, {state}: {printable(owner.describe(), 120)}")
    lines = [requirement(name, tuple(sorted(used))) for name, used in extras.items()]
    if any("file://" in line for line in lines):
        remarks.append("# file:// is a folder or file of this machine")
    return lines + remarks


def requirement(distribution: str, extras: tuple[str, ...] = ()) -> str:
    """Return the line for pip that installs this version from its origin, or a remark why there is none.

    Secret parts of a URL are removed: passwords, and everything after a question mark. Source: ``direct_url.json`` of
    the specification "Recording the Direct URL Origin" (PEP 610).
    """
    wanted = distribution + (f"[{','.join(sorted(extras))}]" if extras else "")
    try:
        installed = metadata.distribution(distribution)
        version, origin = installed.version, json.loads(installed.read_text("direct_url.json") or "{}")
        line = _from_url(wanted, origin) if origin else f"{wanted}=={version}"
    except (metadata.PackageNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return f"# {printable(distribution, 60)}: its record of pip cannot be read"
    if not version or not line.isprintable() or any(c.isspace() for c in line.partition("://")[2]):
        return f"# {printable(distribution, 60)}: its record of pip has no usable origin"
    return line


def _from_url(wanted: str, origin: dict[str, Any]) -> str:
    parts = urlsplit(origin["url"])
    user, at, host = parts.netloc.rpartition("@")
    # ssh needs a user name; for a web server it may be a token
    host = parts.netloc if at and ":" not in user and parts.scheme == "ssh" else host
    url = urlunsplit(parts._replace(netloc=host, query=""))
    if origin.get("dir_info", {}).get("editable"):
        return f"-e {url}{wanted[len(wanted.partition('[')[0]) :]}"  # as pip reads it: -e file:///path[extra]
    if (vcs := origin.get("vcs_info")) is not None:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return f"{wanted} @ {url}" + (f"#subdirectory={folder}" if (folder := origin.get("subdirectory")) else "")
