"""Register HTML views of datasets, models and explanations with IPython; imports nothing until one is shown."""

from __future__ import annotations

from typing import Any

_SHOWN = {
    "demo_core.data.dataset": "SequenceDataset",
    "demo_core.models.model": "Model",
    "demo_core.results.explanation": "Explanation",
}


def register_with_ipython(shell: Any) -> None:
    """Register HTML views with an IPython shell.

    ``import demo_core`` does this in a running notebook. Call it if the shell was started later.

    Parameters
    ----------
    shell
        An IPython shell.

    Examples
    --------
    >>> from IPython.core.interactiveshell import InteractiveShell
    >>> from demo_core.views import register_with_ipython
    >>> register_with_ipython(InteractiveShell())
    """
    formatter = shell.display_formatter.formatters["text/html"]
    for module, name in _SHOWN.items():
        formatter.for_type_by_name(module, name, _html)


def _html(value: Any) -> str:
    from demo_core.views.notebook import html_of

    return html_of(value)
