"""What an installed distribution says of itself: where it is documented, where to report, how pip gets it again."""

from __future__ import annotations

import json
import re
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from demo_core.errors import printable

# The labels that packaging.python.org calls well known, without spaces and punctuation
_DOCUMENTATION = ("documentation", "docs")
_ISSUES = ("issues", "bugs", "issue", "bug", "tracker", "issuetracker", "bugtracker")
_HOME = ("source", "repository", "sourcecode", "github", "homepage")


def documentation(distribution: str) -> str:
    """Where a distribution is documented: its page, else its home; '' where it names neither."""
    return _url(distribution, *_DOCUMENTATION, *_HOME)


def place_to_report(distribution: str) -> str:
    """Where what goes wrong is reported: the issue tracker, else the home, else an address; '' where there is none."""
    if found := _url(distribution, *_ISSUES, *_HOME):
        return found
    about = _metadata(distribution)
    return next((printable(about[f], 120) for f in ("Maintainer-email", "Author-email") if about.get(f)), "")


def requirement(distribution: str, extras: tuple[str, ...] = ()) -> str:
    """The line for pip that installs this version from where it came from; without what is secret in a URL.

    Source: ``direct_url.json`` as the specification "Recording the Direct URL Origin" has it (PEP 610).
    """
    name = f"{distribution}[{','.join(sorted(extras))}]" if extras else distribution
    try:
        installed = metadata.distribution(distribution)
        version, origin = installed.version, json.loads(installed.read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return f"# {name}: pip knows nothing of it"
    url = _without_password(str(origin.get("url", "")))
    if not url:
        return f"{name}=={version}"
    if origin.get("dir_info", {}).get("editable"):
        return f"-e {url}{name.removeprefix(distribution)}"  # as pip reads it: -e file:///there[extra]
    if vcs := origin.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    if folder := origin.get("subdirectory"):
        url += f"#subdirectory={folder}"
    return f"{name} @ {url}"


def _url(distribution: str, *labels: str) -> str:
    about = _metadata(distribution)
    found = {"homepage": about["Home-page"]} if about.get("Home-page") else {}
    for line in about.get_all("Project-URL") or []:
        label, _, url = line.partition(",")
        found[re.sub(r"[\W_]", "", label).lower()] = url.strip()
    return next((printable(found[w], 200) for w in labels if _is_web(found.get(w, ""))), "")


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _metadata(distribution: str) -> Any:
    try:
        return metadata.metadata(distribution)
    except Exception:  # noqa: BLE001 - a local file has none, and an interrupted pip leaves half of it
        from email.message import Message

        return Message()


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    _, at, host = parts.netloc.rpartition("@")
    # git@host is how ssh is spoken to, no secret
    return url if not at or parts.netloc.startswith("git@") else urlunsplit(parts._replace(netloc=host))
