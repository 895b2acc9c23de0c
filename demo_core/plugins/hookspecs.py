"""Hooks. Each is called once, at discovery, with a function that receives specs."""

from pluggy import HookimplMarker, HookspecMarker

from demo_core.plugins.specs import Architecture, Command, DatasetReader, Explainer, Register

hookspec = HookspecMarker("demo_core")
#: Decorator of a plugin's hooks, such as ``register_explainers``.
hookimpl = HookimplMarker("demo_core")


@hookspec
def register_architectures(register: Register[Architecture]) -> None:
    """Register network architectures, for `demo train NAME`."""


@hookspec
def register_datasets(register: Register[DatasetReader]) -> None:
    """Register readers of sequence files, for `demo data import`."""


@hookspec
def register_explainers(register: Register[Explainer]) -> None:
    """Register explainers, for `demo explain NAME`."""


@hookspec
def register_commands(register: Register[Command]) -> None:
    """Register further commands, `demo NAME`."""
