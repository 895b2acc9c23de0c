"""A trained model: a network in eval mode, its outputs, and its folder."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError, MisfitError, UsageProblem, one_line, printable
from demo_core.models.device import exact_arithmetic, out_of_memory
from demo_core.models.fast import fast_network
from demo_core.models.files import FORMAT, METADATA, PICTURES, VERSION, WEIGHTS, check_model_folder
from demo_core.models.outputs import Output
from demo_core.models.pieces import in_pieces
from demo_core.models.targets import Target, parse_target
from demo_core.models.trust import code_allowed
from demo_core.models.weights import allocating_at_most, load_weights
from demo_core.plugins.discovery import installed
from demo_core.plugins.failures import broke_contract, pass_on_refusal, plugin_failed
from demo_core.plugins.interrupts import passes
from demo_core.plugins.options import as_json, build
from demo_core.plugins.owner import Owner
from demo_core.plugins.registry import Registered, Registry
from demo_core.plugins.specs import Architecture, SpecError, check_capabilities
from demo_core.sequences.alphabets import Alphabet, alphabet_named
from demo_core.storage.atomic_files import check_regular, read_json, whole_folder, write_json

_log = logging.getLogger(__name__)


@dataclass(repr=False)
class Model:
    """A network with everything needed to use and explain it.

    Parameters
    ----------
    module
        The network in eval mode; maps one-hot (B, A, L) to outputs (B, T) before activation.
    outputs
        Name, activation and unit of each of the T outputs.
    alphabet
        Letters of the sequences that it reads.
    length
        Length of the training sequences, in bases.
    capabilities
        Capabilities that explainers can use.
    architecture
        Name, plugin, distribution and version of the architecture.
    options
        Resolved options of the architecture, plain values.
    training, metrics
        Record of the training, and its metrics.
    name
        Name of its folder.
    running
        Owner of the code that runs now; ``architecture`` names the one used for training.

    Examples
    --------
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> model, data = tiny_model(), tiny_dataset(4)
    >>> model.predict(data.codes).shape
    (4, 1)
    >>> sorted(model.capabilities)
    ['conv-filters', 'gradients', 'prefix-logits', 'variable-length']
    """

    module: nn.Module
    outputs: tuple[Output, ...]
    alphabet: Alphabet
    length: int
    capabilities: frozenset[str]
    architecture: dict[str, str]
    options: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    name: str = "model"
    running: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.module.eval()
        self.running = dict(self.running or self.architecture)

    def __repr__(self) -> str:
        targets = ", ".join(o.name for o in self.outputs)
        kind = self.architecture.get("name", "?")
        return f"<Model '{self.name}': {kind}, {self.length} letters, targets {targets}, on {self.device}>"

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next((p.device for p in self.module.parameters()), torch.device("cpu"))

    @property
    def min_length(self) -> int:
        """Shortest sequence it accepts: its own length, unless it offers ``variable-length``."""
        if "variable-length" not in self.capabilities:
            return self.length
        return int(self.module.min_length)  # type: ignore[arg-type]

    def to(self, device: torch.device | str) -> Model:
        """Move the model to a device, in place."""
        self.module.to(device)
        return self

    def target(self, name: str | None = None) -> Target:
        """Return the target for ``--target NAME``. Raises UsageProblem."""
        return parse_target(name, self.outputs)

    def one_hot(self, codes: NDArray[np.uint8] | Tensor) -> Tensor:
        """Encode codes (B, L) as one-hot (B, A, L) on the model's device, in its precision."""
        if isinstance(codes, np.ndarray) and self.device.type == "cpu":
            return torch.from_numpy(self.alphabet.one_hot(codes)).to(self.dtype)  # faster than torch, on one core
        on_device = torch.as_tensor(codes).to(self.device)
        return one_hot(on_device, len(self.alphabet.letters), self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return next((p.dtype for p in self.module.parameters()), torch.float32)

    def automatic_batch_size(self, *, in_pieces: bool = False) -> int:
        """Number of sequences per batch, between 1 and 1,024. A batch has about 26,000 positions on a CPU, and 104,000
        on a GPU. It also has 104,000 on a CPU if ``in_pieces`` is set and the network has ``fast_forward``.
        """
        large = self.device.type == "cuda" or (in_pieces and self._fast())
        return max(1, min(1024, (104_000 if large else 26_000) // self.length))

    def _fast(self) -> Callable[[Tensor], Tensor] | None:
        return fast_network(self.module, torch.empty(0, dtype=self.dtype, device=self.device))

    def outputs_of(self, x: Tensor, network: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return outputs (B, T) of one-hot (B, A, L).

        Raises PluginError if the network returns anything else, or modifies ``x``.
        """
        version = None if x.is_inference() else x._version
        outputs = (network or self.module)(x)
        what = f"architecture '{self.running.get('name', '?')}'"
        if version is not None and x._version != version:
            problem = "its forward modifies its input in place; write x = x - 1 instead of x -= 1"
            raise broke_contract(what, Owner.from_json(self.running), problem)
        wanted = (len(x), len(self.outputs))
        if not isinstance(outputs, Tensor) or outputs.shape != wanted or not outputs.is_floating_point():
            came = f"{tuple(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs).__name__
            raise broke_contract(what, Owner.from_json(self.running), f"outputs must be floats {wanted}, not {came}")
        return outputs

    def outputs_without_gradients(self, x: Tensor) -> Tensor:
        """Return outputs (B, T) of any inputs (B, A, L), without gradients. On a CPU it is faster than ``outputs_of``
        if the network has ``fast_forward``, which is called on pieces that fit into the cache.
        """
        return self.in_pieces(x, lambda rows, network: self.outputs_of(x[rows], network))

    def in_pieces(self, x: Tensor, compute: Callable[[slice, Callable[[Tensor], Tensor]], Tensor]) -> Tensor:
        """Return ``compute(rows, network)`` of consecutive rows of a batch (B, A, L), joined; without gradients.

        ``network`` returns outputs (B, T) of inputs. On a CPU, several threads call ``compute`` at once if the network
        has ``fast_forward`` and recurrent layers.
        """
        fast = fast_network(self.module, x)

        def without_gradients(rows: slice) -> Tensor:
            with torch.no_grad():
                return compute(rows, fast or self.module)

        with exact_arithmetic(self.device):
            per_thread = 13_000 if "recurrent" in self.capabilities else 0
            found = in_pieces(x, without_gradients, at_once=fast is not None, per_thread=per_thread)
        return torch.cat(found) if len(found) > 1 else found[0]

    def predict(self, codes: NDArray[np.uint8], batch_size: int | None = None) -> NDArray[np.float32]:
        """Return outputs (N, T), before activation, of codes (N, L). If ``batch_size`` is None, see
        ``automatic_batch_size``.

        Raises UsageProblem if these are not codes, and MisfitError if the model does not accept their length.
        """
        if isinstance(codes, SequenceDataset):
            raise UsageProblem("predict takes codes (N, L), not a dataset: model.predict(dataset.codes[:])")
        codes = np.asarray(codes)
        if codes.ndim != 2:
            raise UsageProblem(f"predict takes codes (N, L), not an array of shape {codes.shape}")
        self.alphabet.check(codes)
        length, fixed = codes.shape[1], "variable-length" not in self.capabilities
        if length != self.length and (fixed or length < self.min_length):
            raise MisfitError(f"model '{self.name}' takes {self.length} letters, not {length}")
        found, size = [], batch_size or self.automatic_batch_size(in_pieces=True)
        try:
            with blaming_network(self):
                for start in range(0, len(codes), size):
                    x = self.one_hot(codes[start : start + size])
                    found.append(self.outputs_without_gradients(x).float().cpu())
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            smaller = f"--batch-size {max(1, size // 4)}"
            raise DemoError(f"out of memory on {self.device} in batches of {size}; try {smaller}") from None
        empty = torch.zeros(0, len(self.outputs))
        return torch.cat(found).numpy() if found else empty.numpy()

    def activate(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return predictions (N, T): each output after its activation."""
        columns = [output.predict(outputs[:, i]) for i, output in enumerate(self.outputs)]
        return np.stack(columns, axis=1).astype(np.float32)

    def check_data(self, dataset: SequenceDataset, source: object) -> None:
        """Raise MisfitError, in one line, unless the model can read the dataset."""
        if dataset.alphabet != self.alphabet:
            raise MisfitError(f"model '{self.name}' reads {self.alphabet.name}, {source} is {dataset.alphabet.name}")
        if dataset.length != self.length:
            raise MisfitError(
                f"model '{self.name}' was trained on {self.length} bases, but {source} has {dataset.length}; "
                f"import the data with --length {self.length}, or train a model on these data"
            )

    def metadata(self) -> dict[str, Any]:
        """Return the content of ``model.json``."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "architecture": self.architecture,
            "options": self.options,
            "alphabet": self.alphabet.name,
            "length": self.length,
            "targets": [o.as_json() for o in self.outputs],
            "training": self.training,
            "metrics": self.metrics,
        }

    def digest(self) -> str:
        """SHA-256 of everything that determines the outputs: architecture, options and weights."""
        content = hashlib.sha256()
        named = {k: self.architecture.get(k) for k in ("name", "plugin", "distribution")}
        head = [named, self.options, self.alphabet.name, self.length, [o.as_json() for o in self.outputs]]
        content.update(json.dumps(head, sort_keys=True).encode())
        for key, tensor in sorted(self.module.state_dict().items()):
            content.update(f"{key}{tuple(tensor.shape)}{tensor.dtype}".encode())
            content.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return content.hexdigest()

    def save(self, folder: str | Path, *, replace: bool = False, pictures: dict[str, Any] | None = None) -> None:
        """Write a model folder. ``pictures`` are matplotlib figures by names of ``PICTURES``. Nothing is left behind on
        failure.
        """
        path = Path(folder)
        if unknown := set(pictures or {}) - set(PICTURES):
            raise ValueError(
                f"{min(unknown)} is not one of {', '.join(PICTURES)}, which alone a later save may replace"
            )
        if path.exists() and not replace:
            raise DemoError(f"{path} already exists; choose another name, or use --force to replace it")
        if path.exists() and (strange := foreign_content(path)):
            raise DemoError(
                f"{path} holds {printable(strange, 60)}, which is not part of a model and would be deleted; "
                "move it away, or choose another name"
            )
        with whole_folder(path, replace=replace) as temporary:
            weights = {k: v.detach().cpu().contiguous().clone() for k, v in self.module.state_dict().items()}
            # not save_file, whose error on a full disk is not an OSError
            (temporary / WEIGHTS).write_bytes(safetensors.torch.save(weights))
            write_json(temporary / METADATA, self.metadata())
            for name, figure in (pictures or {}).items():
                figure.savefig(temporary / name)
            (temporary / WEIGHTS).chmod((temporary / METADATA).stat().st_mode)

    @classmethod
    def load(
        cls, folder: str | Path, *, registry: Registry | None = None, device: str | torch.device = "cpu",
        allow_code: bool = False,
    ) -> Model:  # fmt: skip
        """Open a model folder. Its architecture must be an enabled plugin. No code of the folder is run.

        ``allow_code`` lets the folder name a class outside plugins, which Python must be able to import.

        Raises DemoError, naming the folder and the problem.
        """
        path = Path(folder)
        shown = printable(path)
        check_model_folder(path)
        meta = read_json(path / METADATA, "model description")
        said = _parse(meta, shown)
        found = _find(registry or installed(), said.architecture, shown)
        check_regular(path / WEIGHTS)
        with code_allowed(allow_code), allocating_at_most(path / WEIGHTS):
            model = build_model(found, said.options, alphabet=said.alphabet, length=said.length, outputs=said.outputs)
        if model.architecture != said.architecture:
            _log.warning("%s", _another_owner(shown, said.architecture, model.architecture))
        model.architecture = said.architecture
        model.training, model.metrics = said.training, said.metrics
        model.name = path.resolve().name
        if model.training.get("interrupted"):
            _log.warning("%s is from an interrupted training; resume it with demo train --resume", shown)
        load_weights(model.module, path / WEIGHTS)
        return model.to(device)


@dataclass(frozen=True)
class _Description:
    architecture: dict[str, str]
    options: dict[str, Any]
    alphabet: Alphabet
    length: int
    outputs: tuple[Output, ...]
    training: dict[str, Any]
    metrics: dict[str, Any]


def _parse(meta: Any, shown: str) -> _Description:
    """Parse ``model.json`` and check every field."""
    try:
        if meta["format"] != FORMAT or not isinstance(meta["version"], int) or meta["version"] > VERSION:
            raise ValueError(f"format {printable(meta['format'], 40)} {printable(meta['version'], 20)} cannot be read")
        owner = meta["architecture"]
        architecture = {k: str(owner.get(k, "unknown")) for k in ("plugin", "distribution", "version", "origin")}
        length = meta["length"]
        if not isinstance(length, int) or not 1 <= length <= 10**9:
            raise ValueError("length must be a number of letters")
        outputs = tuple(Output(o["name"], o["activation"], o["unit"]) for o in meta["targets"])
        if not outputs or len({o.name for o in outputs}) != len(outputs):
            raise ValueError("targets must have different names")
        sections = [meta["options"], meta.get("training", {}), meta.get("metrics", {})]
        if not all(isinstance(section, dict) for section in sections):
            raise ValueError("options, training and metrics must be objects")
        alphabet = alphabet_named(str(meta["alphabet"]))
        return _Description(
            {"name": str(owner["name"]), **architecture}, sections[0], alphabet, length, outputs, *sections[1:]
        )
    except (KeyError, TypeError, ValueError, AttributeError, UsageProblem) as error:
        raise DemoError(f"{shown}/{METADATA} is not a model description: {one_line(error)}") from None


def _another_owner(shown: str, there: dict[str, str], here: dict[str, str]) -> str:
    def named(owner: dict[str, str]) -> str:
        return printable(f"{owner['plugin']} ({owner['distribution']} {owner['version'][:19]})", 120)

    return f"{shown} was trained with the {here['name']} of {named(there)}; now that of {named(here)} runs"


def build_model(
    registered: Registered[Architecture],
    options: dict[str, Any],
    *,
    alphabet: Alphabet,
    length: int,
    outputs: Sequence[Output],
) -> Model:
    """Make a new, untrained model of a registered architecture.

    Parameters
    ----------
    registered
        A registered architecture.
    options
        Options of the architecture that differ from the defaults.
    alphabet
        Alphabet of the sequences.
    length
        Input length in bases.
    outputs
        Outputs of the model, in order.

    Returns
    -------
    Model
        The model, with random initial weights.

    Raises
    ------
    UsageProblem
        On invalid options.
    MisfitError
        If the architecture refuses the length.

    Examples
    --------
    >>> from demo_core.models import Output, build_model
    >>> from demo_core.plugins import Architecture, installed
    >>> from demo_core.sequences import DNA
    >>> cnn = installed().find(Architecture, "cnn")
    >>> build_model(cnn, {"filters": (8, 8, 8)}, alphabet=DNA, length=60, outputs=[Output("bound")]).length
    60
    """
    spec = registered.spec
    resolved: Any = build(spec.options, options, f"architecture '{spec.name}'")
    network = registered.load()
    try:
        module = network(resolved, letters=len(alphabet.letters), length=length, n_targets=len(outputs))
    except BaseException as error:
        pass_on_refusal(error, getattr(network, "__module__", ""), f"architecture '{spec.name}'")
        if isinstance(error, DemoError) or passes(error):
            raise
        raise registered.failed(error) from error
    try:
        provides = check_capabilities(spec.name, getattr(module, "provides", spec.provides))
    except SpecError as error:
        raise registered.broke_contract(str(error)) from None
    return Model(
        module=module,
        outputs=tuple(outputs),
        alphabet=alphabet,
        length=length,
        capabilities=provides,
        architecture={"name": spec.name, **registered.owner.as_json()},
        options=as_json(resolved),
        name=spec.name,
    )


def foreign_content(folder: Path) -> str:
    """Return the name of an entry of a folder that saving a model does not write; '' if there is none.

    Parameters
    ----------
    folder
        A folder.

    Returns
    -------
    str
        Name of an entry that saving a model does not write; '' if there is none.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.models import foreign_content
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "notes.txt").touch()
    ...     foreign_content(Path(folder))
    'notes.txt'
    """
    if not folder.is_dir():
        return "no model but a file"
    return next((p.name for p in sorted(folder.iterdir()) if p.name not in (METADATA, WEIGHTS, *PICTURES)), "")


def one_hot(codes: Tensor, letters: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Encode codes (B, L) as one-hot (B, A, L) on the same device; codes beyond the alphabet are columns of zeros.

    Parameters
    ----------
    codes
        (B, L) uint8.
    letters
        Number of letters A of the alphabet.
    dtype
        Type of the result.

    Returns
    -------
    Tensor
        (B, A, L); codes beyond the alphabet are columns of zeros.

    Examples
    --------
    >>> import torch
    >>> from demo_core.models import one_hot
    >>> one_hot(torch.tensor([[0, 3, 4]], dtype=torch.uint8), 4)[0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    rows = torch.arange(letters, dtype=codes.dtype, device=codes.device)[:, None]
    return (codes[:, None, :] == rows).to(dtype)


@contextmanager
def blaming_network(model: Model) -> Iterator[None]:
    """Report exceptions of a network, except errors for the user, as a failure of its plugin.

    Parameters
    ----------
    model
        The model whose network runs in this context.

    Raises
    ------
    PluginError
        If the network raises an exception other than DemoError.

    Examples
    --------
    >>> from demo_core import PluginError
    >>> from demo_core.models import blaming_network
    >>> from demo_core.testing import tiny_model
    >>> try:
    ...     with blaming_network(tiny_model()):
    ...         1 / 0
    ... except PluginError as error:
    ...     "ZeroDivisionError" in str(error)
    True
    """
    try:
        yield
    except DemoError:
        raise
    except BaseException as error:
        if passes(error):
            raise
        if out_of_memory(error):  # the caller chose the batch, and reports this
            raise
        what, module = f"architecture '{model.running.get('name', '?')}'", type(model.module).__module__
        raise plugin_failed(what, Owner.from_json(model.running), error, module) from error


def _find(registry: Registry, architecture: dict[str, str], shown: str) -> Registered[Architecture]:
    name, plugin = architecture["name"], architecture["plugin"]
    try:
        return registry.find(Architecture, name)
    except UsageProblem as error:
        try:
            return registry.find(Architecture, f"{plugin}:{name}")
        except UsageProblem:
            raise UsageProblem(f"{shown} was made by plugin '{plugin}': {error}") from None
