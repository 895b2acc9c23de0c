"""``demo model import``: make a model folder from weights trained outside DeMo."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_adapter.options import AdapterOptions
from demo_core.cli import Sections, click_options, echo, names_of, say, suggest
from demo_core.errors import DemoError, UsageProblem, printable
from demo_core.plugins import Architecture, Registered, Registry, from_settings

if TYPE_CHECKING:
    from demo_core.cli import State
    from demo_core.models import Model, Output

_ADAPTED = "adapter:adapted"
_EXAMPLE = "demo --allow-code model import net.pt -o models/net \\\n    --architecture mine:Net --length 1000"


@click.group()
def model() -> None:
    """Import models trained outside DeMo."""


@model.command("import", cls=Sections, rest="Network", example=_EXAMPLE)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--architecture", required=True, metavar="NAME|MODULE:CLASS", shell_complete=names_of(Architecture),
              help="Registered architecture, or an importable class, which needs --allow-code.")  # fmt: skip
@click.option("--option", "settings", multiple=True, metavar="NAME=VALUE",
              help="Option of the architecture, or argument of the class as JSON. Repeatable.")  # fmt: skip
@click.option("--length", type=click.IntRange(1, 10**8), required=True, metavar="N", help="Input length in bases.")
@click.option("--target", "targets", multiple=True, metavar="NAME[:ACTIVATION[:UNIT]]",
              help="Name of the next output. ACTIVATION is sigmoid for logits (default) or identity. "
         "UNIT is the unit of its values. Repeatable.")  # fmt: skip
@click.option("--rename", multiple=True, metavar="OLD=NEW",
              help="Replace OLD, a regular expression, by NEW in weight names. Repeatable.")  # fmt: skip
@click.option("--drop", multiple=True, metavar="REGEX",
              help="Drop state-dict entries whose names match REGEX, such as loss weights. Repeatable.")  # fmt: skip
@click.option("--outputs-are-logits", is_flag=True,
              help="Accept outputs between 0 and 1 as logits. For probabilities, use --logit instead.")  # fmt: skip
@click.option("--key", metavar="NAME", help="Entry of the checkpoint that holds the weights.")
@click.option("-o", "--output", "folder", type=click.Path(path_type=Path), required=True, metavar="FOLDER",
              help="Model folder to write.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace an existing model.")
@click.pass_context
def import_(
    ctx: click.Context, /, file: Path, architecture: str, settings: tuple[str, ...], length: int,
    targets: tuple[str, ...], rename: tuple[str, ...], drop: tuple[str, ...], outputs_are_logits: bool,
    key: str | None, folder: Path, force: bool, **how: Any,
) -> None:  # fmt: skip
    """Import a trained network from FILE into a model folder.

    FILE holds weights as safetensors, or a state dict saved by torch.save (.pt, .pth). No code in FILE is run. Every
    weight must match a parameter. The network is tried on random sequences, and the range of its outputs is printed.
    Compare that range with what you expect. Options from --layout on describe the inputs and outputs of your class.
    """
    import torch

    from demo_adapter.smoke_test import RANDOM, tried, with_all_outputs
    from demo_adapter.weights import dropped, put, read_weights, renamed
    from demo_core.models import build_model, foreign_content
    from demo_core.sequences import DNA
    from demo_core.storage import make_folder

    if folder.exists() and not force:
        raise DemoError(f"{folder} already exists; choose another name, or use --force to replace it")
    if folder.exists() and (strange := foreign_content(folder)):
        raise DemoError(f"{folder} holds {printable(strange, 60)}, which is not part of a model; move it away")
    if folder.exists() and folder.resolve() in file.resolve().parents:
        raise DemoError(f"{file} is an input and lies in {folder}; choose another output")
    state: State = ctx.obj
    default = click.core.ParameterSource.DEFAULT
    given = {k.partition("__")[2]: v for k, v in how.items() if ctx.get_parameter_source(k) != default}
    registered, options = _asked(state.registry, architecture, settings, given)
    weights, notes = read_weights(file, key)
    outputs = _outputs(targets) or _outputs(("bound",))
    foreign = registered.spec.name == "adapted"
    if foreign and not targets and "$targets" in str(options.get("arguments")):
        raise UsageProblem("$targets is the number of targets; name them with --target")
    ignore = options.get("without", ()) if foreign else ()
    weights = dropped(renamed(weights, rename), drop)

    def make(seed: int) -> tuple[Model, list[str]]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = build_model(registered, options, alphabet=DNA, length=length, outputs=outputs)
        network: Any = made.module.network if foreign else made.module
        said = put(weights, network, ignore=ignore, of=architecture)
        return (made if targets or not foreign else with_all_outputs(made)), said

    made, said = make(1)
    notes += said
    # twice, from different initial values: a difference of outputs comes from neither the file nor an argument
    low, high = tried(made, make(2)[0], logits=outputs_are_logits)
    if low == high:
        notes.append(f"every random sequence gives {low:.4g}; check that the network depends on its input")
    if foreign:
        made.options["class_digest"] = made.module.class_digest
    made.training = {"imported": {"file": file.name, "sha256": _digest(file), **(_source(options) if foreign else {})}}
    make_folder(folder.parent)
    made.save(folder, replace=force)
    for note in notes:
        say(f"demo: {note}")
    names = ", ".join(f"{o.name} ({o.activation}, {o.unit})" for o in made.outputs)
    say(f"targets: {printable(names, 400)}")
    say(f"outputs on {RANDOM} random sequences: {low:.4g} to {high:.4g}")
    echo(folder)
    suggest(
        "demo",
        "explain",
        "saliency" if "gradients" in made.capabilities else "all",
        folder,
        "DATA",
        "-o",
        "explanations",
    )


import_.params += [
    option
    for option in click_options(AdapterOptions, "adapter", import_.params)
    if option.field not in ("network", "arguments", "class_digest")
]


def _asked(
    registry: Registry, architecture: str, settings: Sequence[str], how: Mapping[str, Any]
) -> tuple[Registered[Architecture], dict[str, Any]]:
    """Return the architecture and its options."""
    if ":" in architecture and not registry.has(Architecture, architecture):
        arguments = {}
        for setting in settings:
            name, equals, value = setting.partition("=")
            if not equals or not name:
                raise UsageProblem(f"--option must look like NAME=VALUE, not '{printable(setting, 60)}'")
            try:
                arguments[name.strip()] = json.loads(value)
            except ValueError:
                arguments[name.strip()] = value  # a word needs no quotes
        found = registry.find(Architecture, _ADAPTED)
        return found, {**how, "network": architecture, "arguments": json.dumps(arguments)}
    registered = registry.find(Architecture, architecture)
    if how and registered.spec.name != "adapted":
        flag = min(how).replace("_", "-")
        raise UsageProblem(f"--{flag} is for foreign networks; '{architecture}' is a DeMo architecture")
    of = f"architecture '{architecture}'"
    return registered, {**how, **from_settings(registered.spec.options, settings, of)}


def _outputs(targets: Sequence[str]) -> list[Output]:
    from demo_core.models import Output

    found = []
    for text in targets:
        name, _, rest = text.partition(":")
        activation, _, unit = rest.partition(":")
        activation = activation or "sigmoid"
        try:
            found.append(Output(name, activation, unit or ("probability" if activation == "sigmoid" else "value")))  # type: ignore[arg-type]
        except ValueError as error:
            raise UsageProblem(f"--target '{printable(text, 60)}': {error}") from None
    if len({o.name for o in found}) < len(found):
        raise UsageProblem("--target: two targets have the same name; rename one")
    return found


def _digest(file: Path) -> str:
    import hashlib

    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _source(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the distribution of a class, as far as Python knows it."""
    top = str(options["network"]).partition(":")[0].partition(".")[0]
    owners = metadata.packages_distributions().get(top, [])
    return {"distribution": owners[0], "version": metadata.version(owners[0])} if owners else {}
