"""Permission to run code outside installed plugins: only if the user gives it, each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from demo_core.errors import UsageProblem

_allowed: ContextVar[bool] = ContextVar("code_allowed", default=False)


@contextmanager
def code_allowed(allowed: bool = True) -> Iterator[None]:
    """Allow ``check_code_allowed`` to pass in this context; without ``allowed`` nothing changes."""
    token = _allowed.set(allowed or _allowed.get())
    try:
        yield
    finally:
        _allowed.reset(token)


def check_code_allowed(what: str) -> None:
    """Raise UsageProblem unless the user has allowed code outside installed plugins.

    Parameters
    ----------
    what
        The code, for the message.

    Raises
    ------
    UsageProblem
        Unless the user has given ``--allow-code``.

    Examples
    --------
    >>> from demo_core import UsageProblem
    >>> from demo_core.models import check_code_allowed
    >>> try:
    ...     check_code_allowed("network mynet:MyNet")
    ... except UsageProblem as problem:
    ...     "--allow-code" in str(problem)
    True
    """
    if not _allowed.get():
        raise UsageProblem(
            f"{what} is code outside installed plugins and would run with your rights; "
            "if you trust it, use --allow-code (in Python: Model.load(..., allow_code=True))"
        )
