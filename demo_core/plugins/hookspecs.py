"""The hooks. Each is called once, at discovery, with a function to hand specs to."""

from pluggy import HookimplMarker, HookspecMarker

from demo_core.plugins.specs import Architecture, Command, DatasetReader, Explainer, Register

hookspec = HookspecMarker("demo_core")
hookimpl = HookimplMarker("demo_core")


@hookspec
def register_architectures(register: Register[Architecture]) -> None:
    """Register network architectures, e.g. for `demo train NAME`."""


@hookspec
def register_datasets(register: Register[DatasetReader]) -> None:
    """Register readers of sequence files, e.g. for `demo data import`."""


@hookspec
def register_explainers(register: Register[Explainer]) -> None:
    """Register ways of explaining a prediction, e.g. for `demo explain NAME`."""


@hookspec
def register_commands(register: Register[Command]) -> None:
    """Register further commands, e.g. `demo NAME`."""
