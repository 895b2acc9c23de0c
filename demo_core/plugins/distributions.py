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
    return next((_decoded(about[f]) for f in ("Maintainer-email", "Author-email") if about.get(f)), "")


def requirement(distribution: str, extras: tuple[str, ...] = ()) -> str:
    """The line for pip that installs this version from where it came from, or a remark why there is none.

    Without what is secret in a URL: a password, and what comes after a question mark. Source: ``direct_url.json`` as
    the specification "Recording the Direct URL Origin" has it (PEP 610).
    """
    wanted = f"[{','.join(sorted(extras))}]" if extras else ""
    try:
        installed = metadata.distribution(distribution)
        version, origin = installed.version, json.loads(installed.read_text("direct_url.json") or "{}")
        line = _from_url(distribution, wanted, origin) if origin else f"{distribution}{wanted}=={version}"
    except (metadata.PackageNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return f"# {printable(distribution, 60)}: what pip recorded of it cannot be read"
    if not version or not line.isprintable() or any(c.isspace() for c in line.partition("://")[2]):
        return f"# {printable(distribution, 60)}: what pip recorded of it makes no line"
    return line


def _from_url(distribution: str, extras: str, origin: dict[str, Any]) -> str:
    url = _without_secrets(origin["url"])
    if origin.get("dir_info", {}).get("editable"):
        return f"-e {url}{extras}"  # as pip reads it: -e file:///there[extra]
    if (vcs := origin.get("vcs_info")) is not None:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    if folder := origin.get("subdirectory"):
        url += f"#subdirectory={folder}"
    return f"{distribution}{extras} @ {url}"


def _url(distribution: str, *labels: str) -> str:
    about = _metadata(distribution)
    found = {"homepage": about["Home-page"]} if about.get("Home-page") else {}
    for line in about.get_all("Project-URL") or []:
        label, _, url = line.partition(",")
        found[re.sub(r"[\W_]", "", label).lower()] = url.strip()
    return next((printable(found[w], 200) for w in labels if _is_web(found.get(w, ""))), "")


def _decoded(address: str) -> str:
    from email.header import decode_header, make_header

    try:
        return printable(make_header(decode_header(address)), 120)
    except (ValueError, LookupError, UnicodeError):
        return printable(address, 120)


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _metadata(distribution: str) -> Any:
    try:
        return metadata.metadata(distribution)
    except Exception:  # noqa: BLE001 - a local file has none, and an interrupted pip leaves half of it
        from email.message import Message

        return Message()


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    # a name alone is how ssh is spoken to; to a web server it may be a token
    keep = at and ":" not in user and parts.scheme == "ssh"
    return urlunsplit(parts._replace(netloc=parts.netloc if keep else host, query=""))
