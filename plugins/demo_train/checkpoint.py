"""Checkpoint of a training: one safetensors file, with the record as JSON in its header."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo_core.errors import DemoError, one_line, printable
from demo_core.storage import clear_leftovers, lock, parse_json, whole_file
from demo_train.distributed import first

if TYPE_CHECKING:
    from torch import Tensor

_ENDING = ".unfinished.safetensors"
_RECORD = "record"


class Checkpoint:
    """Checkpoint file of one training.

    Parameters
    ----------
    model
        Model folder of the training; the checkpoint lies beside it.
    about
        Everything that determines the training: the checkpoint of another training is refused.
    """

    def __init__(self, model: Path, about: Mapping[str, Any]) -> None:
        self.path = state_file(model)
        self.about: dict[str, Any] = json.loads(json.dumps(about))

    def save(self, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
        """Write the state atomically."""
        import safetensors.torch

        header = {_RECORD: json.dumps({"about": self.about, **record}, allow_nan=False)}
        # clones, since weights that share memory are refused
        whole = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        with whole_file(self.path) as temporary:
            # not save_file: it first writes under its own temporary name, which a kill would leave behind
            temporary.write_bytes(safetensors.torch.save(whole, metadata=header))

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the stored state, None if there is none. Raises DemoError if it is of another training, or damaged."""
        if not self.path.exists():
            return None
        import safetensors

        shown = printable(self.path)
        try:
            with safetensors.safe_open(self.path, framework="pt") as file:
                record = parse_json((file.metadata() or {})[_RECORD])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            there = dict(record["about"])
        except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DemoError(
                f"{shown} is not a readable checkpoint ({one_line(error)}); use --force to restart"
            ) from None
        self.check_same(self.path, there)
        return tensors, record

    def check_same(self, path: Path, there: Mapping[str, Any]) -> None:
        """Raise DemoError, naming the differences, unless the file at a path is of the same training."""
        differing = [k for k in self.about if there.get(k) != self.about[k]]
        if "architecture" in differing:  # then everything else differs too
            differing = ["architecture"]
        if differing:
            raise DemoError(
                f"{path} holds a training that differs in "
                f"{'; '.join(self._said(k, there) for k in differing)}; use the same settings, choose another name, or "
                "use --force to restart"
            )

    def remove(self) -> None:
        """Delete the checkpoint at the end of training."""
        self.path.unlink(missing_ok=True)

    def _said(self, key: str, there: Mapping[str, Any]) -> str:
        old, new = there.get(key), self.about[key]
        if key == "architecture":
            return f"architecture ({_owned(old)} there, {_owned(new)} here)"
        if isinstance(old, dict) and isinstance(new, dict):
            return ", ".join(
                f"{k} ({printable(old.get(k), 80)} there, {printable(new.get(k), 80)} here)"
                for k in sorted({*old, *new})
                if old.get(k) != new.get(k)
            )
        return (
            key
            if key == "data" or key.startswith("code of")
            else f"{key} ({printable(old, 80)} there, {printable(new, 80)} here)"
        )


def _owned(architecture: Any) -> str:
    said = architecture if isinstance(architecture, dict) else {}
    return printable(f"{said.get('name', 'unknown')} of {said.get('distribution')} {said.get('version')}", 80)


@contextmanager
def only_process(model: Path) -> Iterator[None]:
    """Lock out every other training for the same folder; under torchrun, the first process does."""
    if not first():
        yield
        return
    path = model.with_name(model.name + ".unfinished.lock")
    try:
        held = lock(path)
    except BlockingIOError:
        raise DemoError(f"{model}: another process is training it; wait for it to end") from None
    except OSError as error:
        raise DemoError(f"{model} cannot be written ({error.strerror}); choose another output") from None
    try:
        clear_leftovers(state_file(model), model.parent)
        clear_leftovers(model, model.parent)
        yield
    finally:
        path.unlink(missing_ok=True)
        held.release()


def state_file(model: Path) -> Path:
    """Return the path of the checkpoint of a model folder."""
    return model.with_name(model.name + _ENDING)
