"""Checks of explainers."""

from __future__ import annotations

import copy
import gc
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from demo_core.errors import DemoError, MisfitError
from demo_core.plugins.dataset_option import DatasetFile
from demo_core.plugins.options import options_of
from demo_core.plugins.registry import Registered
from demo_core.plugins.specs import Architecture, Explainer
from demo_core.results.explanation import Explanation
from demo_core.testing.check import Breach, DoesNotApply, expect, expect_same, rule
from demo_core.testing.common import CommonChecks, settings_of
from demo_core.testing.tiny import tiny_dataset, tiny_model

if TYPE_CHECKING:
    from demo_core.models.model import Model
    from demo_core.running.job import Job

_BATCH = 64


class ExplainerChecks(CommonChecks[Explainer]):
    """Checks of an explainer, on small untrained models of 40 bases, or on the given model."""

    first = (*CommonChecks.first, "fits")

    def __init__(
        self, registered: Registered[Explainer], options: Mapping[str, Any], model: Callable[[], Model] | None
    ) -> None:
        super().__init__(registered)
        self.options = dict(options)
        self.make_model = model or self._tiny
        self.pattern = self.spec.kind == "pattern"

    def further_obstacle(self) -> str:
        """A model to check the explainer on exists."""
        from demo_core.running.job import misfit

        return "there is no model to check it on: see 'fits'" if misfit(self.spec, self.make_model()) else ""

    def _tiny(self) -> Model:
        """Make a small convolutional network, or the first built-in one with the needed capabilities."""
        found = tiny_model()
        if frozenset(self.spec.needs) - found.capabilities:
            found = next((m for m in _models() if not frozenset(self.spec.needs) - m.capabilities), found)
        return found

    def job(self, model: Model | None = None, *, batch_size: int = 6, **more: Any) -> Job:
        """Return the target to explain."""
        from demo_core.running.job import make_job

        model = model or self.make_model()
        options = {**_required_datasets(self.spec.options, model), **more.pop("options", self.options)}
        return make_job(self.registered, model, batch_size=batch_size, options=options, **more)

    def run(
        self, model: Model | None = None, *, n: int = 6, rows: Any = None, unknown: bool = True, **more: Any
    ) -> Explanation:
        """Explain n sequences, of which the last begins with unknown bases; or make patterns."""
        from demo_core.running.pipeline import run
        from demo_core.running.sinks import Memory
        from demo_core.running.sources import Patterns, Rows

        job = self.job(model, **more)
        if self.pattern:
            return run(job, Patterns(), Memory())
        return run(job, Rows(tiny_dataset(n, job.model.length, unknown=unknown), rows), Memory())

    def of_sequences(self) -> None:
        """Patterns read no data, so there is nothing to check."""
        if self.pattern:
            raise DoesNotApply("an explainer of kind pattern reads no sequences")

    @rule("the model of the check has the required capabilities", "capabilities")
    def fits(self) -> None:
        """Other checks need a result."""
        from demo_core.running.job import misfit

        why = misfit(self.spec, self.make_model())
        expect(not why, f"{why}: give a model that does, --model FOLDER or model=...")

    @rule("values are finite and have the kind's shape; a trace may have NaN", "kinds")
    def values(self) -> None:
        """The core raises on another shape or type."""
        found = self.run()
        expect(np.isfinite(found.values).all() or self.spec.kind == "trace", "values that are not finite")

    @rule("values do not depend on the batch size, to 1e-5", "the-same-result")
    def batch_size(self) -> None:
        """Compare one sequence at a time with all at once."""
        self.of_sequences()
        one, many = (self.run(batch_size=size) for size in (1, 6))
        expect_same(one.values, many.values, "values in batches of 1 and of 6", floor=_rounding(many))

    @rule("values do not depend on the order of the sequences, to 1e-5", "the-same-result")
    def order(self) -> None:
        """Compare both orders."""
        self.of_sequences()
        backwards = np.arange(6)[::-1].copy()
        one, other = self.run(), self.run(rows=backwards)
        expect_same(one.values[backwards], other.values, "values in two orders", floor=_rounding(other))

    @rule("the same seed gives the same values", "explainers")
    def seed(self) -> None:
        """Run twice."""
        same = np.array_equal(self.run().values, self.run().values, equal_nan=True)
        expect(same, "two runs with one seed gave other values")

    @rule("the explainer does not change random states and settings of torch, numpy and Python", "explainers")
    def global_state(self) -> None:
        """Other plugins run in the same process."""
        model = self.make_model()  # which may itself draw initial weights
        before = _global_state()
        self.run(model)
        for name, value in _global_state().items():
            expect(value == before[name], f"it changed {name}")

    @rule(
        "the explainer leaves the model unchanged: weights, mode, requires_grad, gradients, hooks, device", "explainers"
    )
    def model_unchanged(self) -> None:
        """Check each state by itself."""
        model = self.make_model()
        before = dict(_model_state(model))
        self.run(model, n=4)  # the core raises and names all changes except these
        for name, value in _model_state(model):
            expect(value == before[name], f"it changed {name}")

    @rule(
        "it runs on every model with the required capabilities, and raises Unsuitable for other models", "capabilities"
    )
    def says_what_it_needs(self) -> None:
        """Check the built-in networks, and two that offer very little."""
        from demo_core.running.job import misfit

        fitting = [model for model in _models() if not misfit(self.spec, model)]
        if not fitting:
            raise DoesNotApply("no built-in network offers what it needs")
        for model in fitting:  # the core refuses the others, with the reason
            try:
                self.run(model, n=2)
            except MisfitError:
                continue
            except DemoError as error:
                offers = ", ".join(sorted(model.capabilities)) or "nothing"
                raise Breach(f"'{model.name}', which offers {offers}, has all it needs, and: {error}") from error

    @rule("the explainer explains the requested target", "explainers")
    def target(self) -> None:
        """Explain the second of two outputs, and the same network with its outputs swapped."""
        model = tiny_model(targets=("bound", "open"))
        if frozenset(self.spec.needs) - model.capabilities:
            raise DoesNotApply("the network that has two targets for this does not offer what it needs")
        swapped = copy.deepcopy(model)
        for tensor in swapped.module.linear.parameters():  # type: ignore[union-attr]
            tensor.data = tensor.data.flip(0)
        expect_same(
            self.run(model, target="open").values, self.run(swapped, target="bound").values,
            "values of the second target, and of the first with the outputs swapped",
        )  # fmt: skip

    @rule("memory does not grow with the number of sequences", "explainers")
    def memory(self) -> None:
        """Compare the memory in use after ten batches with that after three."""
        self.of_sequences()
        from demo_core.running.compute import calculating

        job = self.job(batch_size=_BATCH)
        data = tiny_dataset(10 * _BATCH, job.model.length)
        alive: list[int] = []
        with _measured() as measure, calculating(job) as calculator:
            for number in range(10):
                index = np.arange(number * _BATCH, (number + 1) * _BATCH)
                calculator.sequences(number, data.take(index), index)
                if number in (2, 9):
                    alive.append(measure())
        size = data.codes[:_BATCH].size * 4  # of one value a base, in single precision
        kept = (alive[1] - alive[0]) / 7
        expect(kept < size, f"{kept:,.0f} bytes more for each batch of {_BATCH} sequences, and they stay")

    @rule("returned outputs equal the model's, to 1e-5", "explainers")
    def outputs(self) -> None:
        """Compare with a forward pass of the core."""
        self.of_sequences()
        model = self.make_model()
        found = self.run(model)
        expect_same(found.outputs, model.predict(found.sequences.codes), "outputs, and those of a forward pass,")

    @rule("hypothetical=False: values of absent letters are 0", "kinds")
    def only_letters_that_are_there(self) -> None:
        """Check every position."""
        if self.spec.kind != "attribution" or self.spec.hypothetical:
            raise DoesNotApply("it gives hypothetical values, or no attributions")
        found = self.run()
        stray = np.abs(found.values * (1 - found.one_hot(slice(None)))).max()
        expect(stray == 0, f"{stray:.3g} at a letter that is not there")

    @rule("on a linear network, values of two letters differ by the effect of substituting one for the other", "kinds")
    def hypothetical(self) -> None:
        """Any reference cancels in the difference."""
        from demo_core.testing.networks import linear_model

        if self.spec.kind != "attribution" or not self.spec.hypothetical:
            raise DoesNotApply("it gives no hypothetical values")
        model = linear_model()
        if frozenset(self.spec.needs) - model.capabilities:
            raise DoesNotApply("a linear network does not offer what it needs")
        found = self.run(model)
        worth = model.module.first_layer.weight[0, :, 0].detach().numpy()  # type: ignore[union-attr,index]
        known = found.one_hot(slice(None)).any(axis=1)
        for a, b in ((0, 1), (1, 2), (2, 3)):
            gap = (found.values[:, a] - found.values[:, b])[known]
            wide = np.full_like(gap, worth[a] - worth[b])
            said = f"values of {'ACGT'[a]} minus {'ACGT'[b]}, and what the exchange is worth,"
            # to a thousandth: differences of outputs have the rounding errors of whole sums
            expect_same(gap, wide, said, to=1e-3)

    @rule("adds_up=True: values * x sum to the target minus the baseline, within the spec's tolerance", "kinds")
    def adds_up(self) -> None:
        """Check the completeness error, as the core measures it."""
        if not self.spec.adds_up:
            raise DoesNotApply("it does not say that its values add up")
        found = self.run(unknown=False)  # values at unknown bases belong to no letter, and cannot be in the sum
        assert found.baseline is not None
        present = found.values * found.one_hot(slice(None))
        gap = np.abs(present.sum(axis=(1, 2)) - (found.target_values - found.baseline)).mean()
        # relative to the sum of magnitudes: a difference of outputs can be near 0 while the values are not
        size = np.abs(present).sum(axis=(1, 2)).mean()
        limit = self.spec.tolerance * size + 1e-5
        expect(
            gap <= limit,
            f"mean completeness error {gap:.3g} exceeds {limit:.3g} (mean sum of |values * x|: {size:.3g})",
        )

    @rule("each choice, flag and smallest value of an option runs, or raises an error for the user", "options")
    def options_hold(self) -> None:
        """Check one at a time."""
        from demo_core.errors import PluginError

        length = self.make_model().length
        for what, options in settings_of(self.spec.options, self.options, tiny_dataset(32, length, seed=1)):
            try:
                self.run(n=2, options=options)
            except PluginError as error:
                raise Breach(f"with {what}: {error}") from error
            except DemoError:
                continue


def _required_datasets(options: type, model: Model) -> dict[str, Any]:
    """Return a small dataset for each required option that names one."""
    found = [o for o in options_of(options) if o.scalar is DatasetFile and o.required]
    return {option.name: tiny_dataset(32, model.length, seed=1) for option in found}


def _rounding(found: Explanation) -> float:
    """Return the single-precision rounding error of a difference of outputs."""
    return 1e-6 * float(np.abs(found.outputs).max(initial=0))


def _models() -> Iterator[Model]:
    from demo_core.plugins.discovery import discover
    from demo_core.testing.networks import bare_model

    registry = discover(environ={"DEMO_LOAD_PLUGINS": ""}).registry
    for name in registry.names(Architecture):
        try:
            yield tiny_model(name, registry=registry)
        except DemoError:
            continue  # an explainer with required options
    yield bare_model()
    yield bare_model(gradients=False)


def _model_state(model: Model) -> Iterator[tuple[str, Any]]:
    """Compare states that the core does not compare after each batch, see ``demo_core.running.guard``."""
    yield "the gradient of a parameter (use torch.autograd.grad)", [p.grad is None for p in model.module.parameters()]
    yield "which buffers there are", [name for name, _ in model.module.named_buffers()]
    yield "an attribute of a module", [_plain_attributes(m) for m in model.module.modules()]


def _plain_attributes(module: Any) -> dict[str, Any]:
    """Return numbers and texts, and replaced methods."""
    plain = (bool, int, float, str, type(None))
    found = {k: "callable" if callable(v) else v for k, v in vars(module).items()}
    return {k: v for k, v in found.items() if isinstance(v, plain)}


def _global_state() -> dict[str, Any]:
    import random

    import torch

    return {
        "torch's random numbers": torch.get_rng_state().numpy().tobytes(),
        "numpy's random numbers": repr(np.random.get_state()),
        "Python's random numbers": random.getstate(),
        "torch's default type": torch.get_default_dtype(),
        "torch's float32 matmul precision": torch.get_float32_matmul_precision(),
        "whether cuDNN is enabled": torch.backends.cudnn.enabled,
        "the number of torch's threads": torch.get_num_threads(),
        "whether deterministic algorithms are asked for": torch.are_deterministic_algorithms_enabled(),
    }


class _measured:
    """Yield a function that returns the bytes in use by tensors, arrays and other objects."""

    def __enter__(self) -> Callable[[], int]:
        tracemalloc.start()
        return self._measure

    def __exit__(self, *_: object) -> None:
        tracemalloc.stop()

    @staticmethod
    def _measure() -> int:
        import torch

        gc.collect()
        storages: dict[int, int] = {
            t.untyped_storage().data_ptr(): t.untyped_storage().nbytes()
            for t in gc.get_objects()
            if issubclass(type(t), torch.Tensor) and t.layout == torch.strided and t.device.type != "meta"
        }
        return sum(storages.values()) + tracemalloc.get_traced_memory()[0]
