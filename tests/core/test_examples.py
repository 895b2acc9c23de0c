"""Test that every public class and function has an example, and that the examples run."""

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

PACKAGES = (
    "demo_core", "demo_core.sequences", "demo_core.data", "demo_core.models", "demo_core.results", "demo_core.running",
    "demo_core.views", "demo_core.storage", "demo_core.plugins", "demo_core.cli", "demo_core.testing",
    "demo_core.metrics", "demo_core.errors",
)  # fmt: skip


def public():
    """Yield each public class and function once, with its package."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        names = getattr(module, "__all__", None) or [
            n for n, v in vars(module).items() if inspect.isfunction(v) and v.__module__ == package and n[0] != "_"
        ]
        for name in names:
            value = getattr(module, name)
            if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("demo_core"):
                found.setdefault(value, f"{package}.{name}")
    return found


def test_every_public_name_has_an_example():
    found = public()
    assert len(found) > 150
    assert [name for value, name in found.items() if ">>> " not in (value.__doc__ or "")] == []


def described(value):
    """Return the names in the section Parameters of a docstring."""
    section = ((value.__doc__ and inspect.getdoc(value)) or "").partition("Parameters\n----------\n")[2]
    section = re.split(r"\n\n\w[\w ]*\n---+\n", section)[0]
    return {word.strip(" *") for line in section.split("\n") if line[:1].strip() for word in line.split(",")}


def test_every_parameter_of_a_public_function_or_class_is_described():
    missing = []
    for value, name in public().items():
        known = set().union(*map(described, inspect.getmro(value))) if inspect.isclass(value) else described(value)
        if inspect.isfunction(value) or known:  # classes that plugins derive from, and errors, are made by others
            left = {parameter for parameter in inspect.signature(value).parameters if parameter[0] != "_"} - known
            missing += [f"{name}({parameter})" for parameter in sorted(left)]
    assert missing == []


@pytest.mark.parametrize("package", PACKAGES)
def test_examples_run(package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    for value, name in public().items():
        if name.rpartition(".")[0] == package:
            for test in finder.find(value, name, globs={}):
                runner.run(test)
    assert runner.summarize().failed == 0
    assert list(Path().iterdir()) == []
