"""Options of ``adapted``: construction, inputs and outputs of a network outside DeMo."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from demo_core import Unsuitable

_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_EXTRA = re.compile(r"(?P<name>[A-Za-z_]\w*):(?P<shape>(\d+|L)(x(\d+|L))*)?(:(?P<value>[-+.\deE]+)(?P<whole>i)?)?")


@dataclass(frozen=True)
class AdapterOptions:
    """Description of a network that was not written for DeMo."""

    network: str = field(metadata={"help": "Importable class or factory function, as package.module:Class."})
    arguments: str = field(
        default="{}",
        metadata={
            "help": "Constructor arguments as JSON. $length, $targets and $letters are replaced by their values."
        },
    )
    layout: str = field(
        default="BAL",
        metadata={"help": "Input axes: B batch, A letters, L positions, 1 singleton. Examples: BLA, B1AL, BAL1."},
    )
    bases: str = field(
        default="ACGT", metadata={"help": "Order of input letters. An N adds a channel that is 1 at unknown bases."}
    )
    network_length: int | None = field(
        default=None,
        metadata={"help": ("Fixed input length of the network. Sequences are padded with unknown bases or cropped "
"around the centre."),
                  "minimum": 1},
    )  # fmt: skip
    extra_input: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": (
                "Constant extra inputs NAME:SHAPE:VALUE, such as control:2xL:0. L is the length. An "
                "empty SHAPE gives one number per sequence. VALUE 60i is the integer 60."
            )
        },
    )
    take: str = field(
        default="",
        metadata={"help": "Which of several outputs to use: index or key, joined by dots. Examples: 1, counts.0."},
    )
    reduce: Literal["none", "mean", "sum", "max", "logsumexp", "profile", "profile-detached"] = field(
        default="none",
        metadata={"help": ("Reduce an output (B, T, L) over positions. profile: softmax-weighted sum of "
"centred logits (bpnet-lite). profile-detached: no gradient through the weights "
"(ChromBPNet).")},
    )  # fmt: skip
    channels: Literal["first", "last"] = field(
        default="first", metadata={"help": "Axes of the output for --reduce: first is (B, T, L), last is (B, L, T)."}
    )
    column: tuple[int, ...] = field(
        default=(), metadata={"help": "Output columns to keep, 0-based. none keeps all.", "minimum": 0}
    )
    without: tuple[str, ...] = field(default=(), metadata={"help": "Modules to skip, such as a final sigmoid: head.2."})
    logit: bool = field(
        default=False,
        metadata={"help": "Convert output probabilities to logits. Skipping the sigmoid with --without is more exact."},
    )
    first_layer: str = field(
        default="", metadata={"help": "First convolution, such as body.0. demo motifs needs it for --filters."}
    )
    shortest: int | None = field(
        default=None,
        metadata={
            "help": "Shortest input in bases. Setting it declares that the network accepts variable lengths.",
            "minimum": 1,
        },
    )
    gradients: bool = field(default=True, metadata={"help": "Declare that gradients of the outputs reach the input."})
    class_digest: str = field(
        default="", metadata={"help": "SHA-256 of the class's source file. demo model import sets it."}
    )
    offers: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Declare layers of the network, for explainers that need them.",
            "choices": ("recurrent", "attention"),
        },
    )

    def __post_init__(self) -> None:
        if not _CLASS.fullmatch(self.network):
            raise Unsuitable(f"--network must look like package.module:Class, not '{self.network[:60]}'")
        self.call()
        if sorted(self.layout.replace("1", "")) != ["A", "B", "L"] or not self.layout.startswith("B"):
            raise Unsuitable(
                f"--layout must be B, then A and L in any order, with an optional 1, not '{self.layout[:20]}'"
            )
        if sorted(self.bases.replace("N", "")) != ["A", "C", "G", "T"] or self.bases.count("N") > 1:
            raise Unsuitable(f"--bases must have A, C, G and T once each, with an optional N, not '{self.bases[:20]}'")
        for text in self.extra_input:
            self.extra(text)
        if self.shortest is not None and self.network_length is not None:
            raise Unsuitable("--shortest is for variable lengths, --network-length for a fixed length; give one")
        if self.reduce == "none" and self.channels == "last":
            raise Unsuitable("--channels applies to outputs with positions; also give --reduce")

    def call(self) -> dict[str, Any]:
        """Parse the arguments of the class. Raises ValueError if they are no JSON object."""
        import json

        try:
            found = json.loads(self.arguments)
        except ValueError as error:
            raise Unsuitable(f"--arguments is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise Unsuitable('--arguments must be a JSON object, such as {"filters": 64}')
        return found

    @staticmethod
    def extra(text: str) -> tuple[str, list[str], int | float]:
        """Return name, shape and value of an extra input; an int makes a tensor of integers. Raises ValueError.

        A number without a shape is an integer unless it has a decimal point: it is a length or a class.
        """
        found = _EXTRA.fullmatch(text)
        if not found:
            raise Unsuitable(f"--extra-input must look like NAME:SHAPE:VALUE, as control:2xL:0, not '{text[:40]}'")
        try:
            said = found["value"] or "0"
            whole = bool(found["whole"]) or (not found["shape"] and said.lstrip("+-").isdecimal())
            value = int(said) if whole else float(said)
        except ValueError:
            raise Unsuitable(f"--extra-input {text[:40]}: '{found['value'][:20]}' is not a number") from None
        return found["name"], found["shape"].split("x") if found["shape"] else [], value
