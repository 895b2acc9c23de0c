"""URLs in the metadata of an installed distribution: documentation and issue tracker."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

from demo_core.errors import printable

# Labels that packaging.python.org defines, without spaces and punctuation
_DOCUMENTATION = ("documentation", "docs")
_ISSUES = ("issues", "bugs", "issue", "bug", "tracker", "issuetracker", "bugtracker")
_HOME = ("source", "repository", "sourcecode", "github", "homepage")


def documentation(distribution: str) -> str:
    """Return the documentation URL of a distribution, otherwise its home page, otherwise ''.

    Parameters
    ----------
    distribution
        Name of an installed distribution.

    Returns
    -------
    str
        URL of its documentation or home page; '' if its metadata has neither.

    Examples
    --------
    >>> from demo_core.plugins import documentation
    >>> documentation("torch").startswith("https://")
    True
    """
    return _url(distribution, *_DOCUMENTATION, *_HOME)


def place_to_report(distribution: str) -> str:
    """Return where to report problems: issue tracker, otherwise home page, otherwise address, otherwise ''.

    Parameters
    ----------
    distribution
        Name of an installed distribution.

    Returns
    -------
    str
        URL of its issue tracker or home page, or an address; '' if its metadata has none.

    Examples
    --------
    >>> from demo_core.plugins import place_to_report
    >>> place_to_report("torch").startswith("https://")
    True
    """
    if found := _url(distribution, *_ISSUES, *_HOME):
        return found
    about = _metadata(distribution)
    return next((_decoded(about[f]) for f in ("Maintainer-email", "Author-email") if about.get(f)), "")


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
