"""Checks that a plugin keeps the contract; each says what was expected and what came.

from demo_core.testing import checks_for, registered_from
import demo_mine

@pytest.mark.parametrize("check", checks_for(registered_from(demo_mine)[0]), ids=str)
def test_contract(check):
    check()
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from demo_core.explanation import Explanation
from demo_core.options import build
from demo_core.registry import Owner, Registered
from demo_core.specs import AnySpec, Architecture, DatasetReader, Explainer
from demo_core.testing.tiny import tiny_dataset, tiny_model

if TYPE_CHECKING:
    from demo_core.model import Model


@dataclass(frozen=True)
class Check:
    """A named check; calling it raises AssertionError with expectation and finding if the plugin fails it."""

    name: str
    run: Callable[[], None]

    def __call__(self) -> None:
        """Run it."""
        self.run()

    def __str__(self) -> str:
        return self.name


def registered_from(module: ModuleType) -> list[Registered[Any]]:
    """What a plugin module registers, whether or not it is installed. Raises what discovery would report."""
    import pluggy

    from demo_core import hookspecs
    from demo_core.plugins import _specs_of

    manager = pluggy.PluginManager("demo_core")
    manager.add_hookspecs(hookspecs)
    owner = Owner(module.__name__, "under-test", "0", "local file")
    return [Registered(spec, owner) for spec in _specs_of(module, owner.label, manager)]


def checks_for(
    registered: Registered[AnySpec],
    *,
    options: dict[str, Any] | None = None,
    model: Callable[[], Model] | None = None,
) -> list[Check]:
    """The checks that apply to a spec.

    Parameters
    ----------
    options
        Of the plugin, where its defaults will not do or there are none.
    model
        Makes a model of 40 bases and one output for an explainer that needs more than ``tiny_model()`` offers.
    """
    spec = registered.spec
    make_model = model or tiny_model
    makers: dict[type, Callable[..., Iterator[tuple[str, Callable[[], None]]]]] = {
        Architecture: _architecture_checks,
        Explainer: _explainer_checks,
        DatasetReader: _reader_checks,
    }
    maker = makers.get(type(spec))
    found = [("target can be imported", lambda: registered.load() and None)]
    found += list(maker(registered, options or {}, make_model)) if maker else []
    return [Check(f"{spec.name}: {name}", run) for name, run in found]


def _architecture_checks(
    registered: Registered[Architecture], options: dict[str, Any], _: Callable[[], Model]
) -> Iterator[tuple[str, Callable[[], None]]]:
    import torch

    def model(targets: int = 1) -> Any:
        from demo_core.model import build_model
        from demo_core.sequences import DNA
        from demo_core.targets import Output

        outputs = [Output(f"t{i}") for i in range(targets)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build_model(registered, options, alphabet=DNA, length=60, outputs=outputs)

    def codes(n: int = 5) -> Any:
        return tiny_dataset(n, 60).codes

    def shape() -> None:
        for targets in (1, 3):
            out = model(targets).predict(codes())
            assert out.shape == (5, targets), f"forward must give (B, T) = (5, {targets}), gave {out.shape}"
            assert np.isfinite(out).all(), "outputs must be finite, with unknown bases too"

    def batches() -> None:
        built = model()
        one, many = built.predict(codes(), batch_size=1), built.predict(codes(), batch_size=5)
        assert np.allclose(one, many, atol=1e-5), f"batch 1 and batch 5 differ by {np.abs(one - many).max():.2g}"

    def gradients() -> None:
        built = model()
        if "gradients" not in built.capabilities:
            return
        x = built.one_hot(codes()).requires_grad_(True)
        built.module(x).sum().backward()
        assert x.grad is not None and bool(x.grad.abs().sum() > 0), "it offers gradients; none reach the input"

    def members() -> None:
        built = model()
        promised = {
            "variable-length": "min_length",
            "prefix-logits": "prefix_logits",
            "conv-filters": "first_layer",
        }
        for word, member in promised.items():
            if word in built.capabilities:
                assert hasattr(built.module, member), f"it offers {word}; the module has no '{member}'"

    def round_trip() -> None:
        from demo_core.model import Model
        from demo_core.registry import Registry

        registry = Registry()
        registry.add(registered)
        built = model()
        with tempfile.TemporaryDirectory() as folder:
            built.save(Path(folder) / "model")
            again = Model.load(Path(folder) / "model", registry=registry)
        assert np.array_equal(built.predict(codes()), again.predict(codes())), "outputs differ after save and load"

    yield "outputs have the right shape", shape
    yield "batch size does not matter", batches
    yield "gradients reach the input", gradients
    yield "what it offers is there", members
    yield from _length_checks(model)
    yield "save and load round-trips", round_trip


def _length_checks(make: Callable[..., Model]) -> Iterator[tuple[str, Callable[[], None]]]:
    import torch

    def lengths() -> None:
        built = make()
        if "variable-length" not in built.capabilities:
            return
        shortest = built.min_length
        codes = tiny_dataset(2, shortest + 61).codes
        for length in (shortest, shortest + 1, shortest + 61):
            shape = tuple(built.predict(codes[:, :length]).shape)
            assert shape == (2, 1), f"it offers variable-length; {length} bases gave {shape}, not (2, 1)"

    def prefixes() -> None:
        built = make(2)
        if "prefix-logits" not in built.capabilities:
            return
        length, shortest = built.min_length + 25, built.min_length
        x = built.one_hot(tiny_dataset(2, length).codes)
        for member in ("prefix_logits", "suffix_logits"):
            if not hasattr(built.module, member):
                continue
            with torch.no_grad():
                found = getattr(built.module, member)(x)
                assert found.shape == (2, 2, length), f"{member} must give (B, T, L), gave {tuple(found.shape)}"
                for place in range(length):
                    piece = x[:, :, : place + 1] if member == "prefix_logits" else x[:, :, place:]
                    known = piece.shape[2] >= shortest
                    alone = built.module(piece) if known else torch.full((2, 2), torch.nan)
                    _same(found[:, :, place].numpy(), alone.numpy(), f"{member} at {place}, and that piece by itself,")

    yield "it takes the lengths that it offers", lengths
    yield "its prefixes are those of the definition", prefixes


def _explainer_checks(
    registered: Registered[Explainer], options: dict[str, Any], make_model: Callable[[], Model]
) -> Iterator[tuple[str, Callable[[], None]]]:
    def run(n: int = 6, batch_size: int = 6, order: Any = None, model: Model | None = None) -> Explanation:
        from demo_core.computing import compute_pattern
        from demo_core.explaining import explain_rows
        from demo_core.jobs import make_job

        rows = np.arange(n) if order is None else order
        job = make_job(registered, model or make_model(), options=options, batch_size=batch_size)
        return compute_pattern(job) if pattern else explain_rows(job, tiny_dataset(n), rows)

    pattern = registered.spec.kind == "pattern"

    def fits() -> None:
        from demo_core.jobs import misfit

        why = misfit(registered.spec, make_model())
        assert not why, f"{why}: give checks_for a model that does, as model=..."

    def contract() -> None:
        found = run()  # shapes and types are checked by the core, which raises PluginError
        assert np.isfinite(found.values).all() or registered.spec.kind == "trace", "values must be finite"

    def batches() -> None:
        one, many = run(batch_size=1), run(batch_size=6)
        _same(one.values, many.values, "values of batch 1 and of batch 6")

    def order() -> None:
        backwards = np.arange(6)[::-1].copy()
        straight, reverse = run(), run(order=backwards)
        _same(straight.values[backwards], reverse.values, "values of two orders")

    def same_seed() -> None:
        assert np.array_equal(run().values, run().values, equal_nan=True), "two runs with one seed differ"

    def unchanged() -> None:
        model = make_model()
        before = _state(model)
        run(n=4, batch_size=4, model=model)
        assert _state(model) == before, "it changed the model: weights, training mode, requires_grad, grad or hooks"

    def actual_only() -> None:
        if registered.spec.kind != "attribution" or registered.spec.hypothetical:
            return
        found = run()
        stray = np.abs(found.values * (1 - found.one_hot(slice(None)))).max()
        assert stray == 0, f"hypothetical=False: letters that are not there must have 0, one has {stray:.2g}"

    yield "the model offers what it needs", fits
    yield "values have its kind's shape", contract
    yield "a seed repeats a run", same_seed
    yield "the model comes back unchanged", unchanged
    if pattern:
        return
    yield "batch size does not matter", batches
    yield "order does not matter", order
    yield "only letters that are there have values", actual_only


def _same(one: Any, other: Any, what: str) -> None:
    """Equal to 1e-5 of the largest value, NaN in the same places."""
    largest = np.abs(np.nan_to_num(one, posinf=0, neginf=0)).max(initial=0.0)
    gap = np.abs(np.nan_to_num(one) - np.nan_to_num(other)).max(initial=0.0)
    assert np.allclose(one, other, rtol=0, atol=1e-5 * largest, equal_nan=True), f"{what} differ by {gap:.2g}"


def _state(model: Any) -> Any:
    module = model.module
    return (
        model.digest(),
        [m.training for m in module.modules()],
        [(p.requires_grad, p.grad is None) for p in module.parameters()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in module.modules()],
        str(model.device),
    )


def _reader_checks(
    registered: Registered[DatasetReader], options: dict[str, Any], _: Callable[[], Model]
) -> Iterator[tuple[str, Callable[[], None]]]:
    from demo_core.errors import DemoError

    def refused(content: bytes, what: str) -> None:
        suffix = registered.spec.suffixes[0] if registered.spec.suffixes else ".txt"
        resolved: Any = build(registered.spec.options, options, f"reader '{registered.spec.name}'")
        reader = registered.load()(resolved)
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / f"source{suffix}"
            source.write_bytes(content)
            try:
                list(reader.read(source))
            except DemoError as error:
                assert source.name in str(error), f"the error on {what} must name the file: {error}"
            else:
                raise AssertionError(f"{what} must raise a DemoError that says so; nothing was raised")

    yield "an empty file is refused", lambda: refused(b"", "an empty file")
    yield (
        "a truncated gzip file is refused",
        lambda: refused(b"\x1f\x8b\x08\x00\x00", "a truncated gzip file"),
    )
