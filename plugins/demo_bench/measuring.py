"""Rates of predictions and explainers at several batch sizes."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from demo_core.data import SequenceDataset
from demo_core.errors import MisfitError, PluginError, UsageProblem
from demo_core.models import Model
from demo_core.plugins import Explainer, Registered, Registry, from_environment, options_of
from demo_core.running import Memory, Patterns, Rows, make_job, run

#: Batch sizes that are tried if none are given, and the largest number of letters in a batch
SIZES, MOST_LETTERS = (16, 64, 256, 1024, 4096), 420_000
_FIRST = 4
#: Most letters in a batch that the user chooses: their activations may take several gigabytes
_MOST_GIVEN = 10_000_000


@dataclass
class Rates:
    """Sequences per second by batch size, or why they were not measured.

    ``patterns`` is set for explainers without sequences: their rate, in patterns per second, has the key 0.
    """

    name: str
    rates: dict[int, float] = field(default_factory=dict)
    patterns: bool = False
    skipped: str = ""
    failed: bool = False

    @property
    def best(self) -> int:
        """Smallest batch size with at least 98% of the highest rate; larger ones need more memory."""
        return min(size for size, rate in self.rates.items() if rate >= 0.98 * max(self.rates.values()))


def sizes_for(model: Model, given: Sequence[int]) -> list[int]:
    """Return the given batch sizes, or usual ones for this length, in increasing order."""
    for size in given:
        if size * model.length > _MOST_GIVEN:
            raise UsageProblem(
                f"--batch-size {size}: a batch would hold {size * model.length:,} letters, and the limit is "
                f"{_MOST_GIVEN:,}; use at most {_MOST_GIVEN // model.length}"
            )
    automatic = model.automatic_batch_size()
    usual = {size for size in SIZES if size * model.length <= MOST_LETTERS and abs(size - automatic) > automatic / 10}
    return sorted(set(given) or usual | {automatic})


def random_sequences(model: Model, n: int) -> SequenceDataset:
    """Return n random sequences of the model's length, with random labels."""
    random = np.random.default_rng(0)
    letters = len(model.alphabet.letters)
    return SequenceDataset(
        codes=random.integers(0, letters, (n, model.length), np.uint8),
        labels=random.integers(0, 2, (n, len(model.outputs))).astype(np.float32),
        targets=tuple(output.name for output in model.outputs),
        ids=np.array([f"random-{i}" for i in range(n)], dtype=object),
        group=np.arange(n),
        split=np.zeros(n, np.uint8),
        alphabet=model.alphabet,
    )


def measure(
    model: Model, registry: Registry, names: Sequence[str], given: Sequence[int], seconds: float
) -> Iterator[Rates]:
    """Yield rates of predictions, then of each explainer, each within about ``seconds``.

    Given batch sizes are all measured; of the usual ones, those that would take too long are left out.
    """
    sizes = sizes_for(model, given)
    limit = math.inf if given else seconds
    cheap = [registered for registered in registry.all(Explainer) if not registered.spec.expensive]
    explainers = [registry.find(Explainer, name) for name in dict.fromkeys(names)] or cheap
    for registered in explainers:  # a wrong option is reported before anything is measured
        from_environment(registered.spec.options, registered.spec.name, os.environ)
    yield Rates("predict", _rates(lambda data, size: model.predict(data.codes, size), model, sizes, seconds, limit))
    for registered in explainers:
        yield _of_explainer(registered, model, registry, sizes, seconds, limit, asked=bool(names))


def _of_explainer(
    registered: Registered[Explainer], model: Model, registry: Registry, sizes: Sequence[int], seconds: float,
    limit: float, *, asked: bool,
) -> Rates:  # fmt: skip
    spec, name = registered.spec, registry.qualified(registered)
    if why := registered.why_unavailable():
        if asked:
            raise UsageProblem(f"explainer '{name}' {why}")
        return Rates(name, skipped=why)
    options = from_environment(spec.options, spec.name, os.environ)
    if missing := [o.flag for o in options_of(spec.options) if o.required and o.name not in options]:
        return Rates(name, skipped=f"requires {', '.join(missing)}; set the environment variable (demo explain --help)")
    target = model.outputs[0].name if len(model.outputs) > 1 else None

    def explained(data: SequenceDataset | None, size: int | None) -> int:
        job = make_job(
            registered, model, options=options, target=target, batch_size=size, third_party=registry.third_party()
        )
        return len(run(job, Patterns() if data is None else Rows(data), Memory()).values)

    try:
        if spec.kind == "pattern":
            started = time.perf_counter()
            n = explained(None, None)
            return Rates(name, {0: n / (time.perf_counter() - started)}, patterns=True)
        return Rates(name, _rates(explained, model, sizes, seconds, limit))
    except MisfitError as error:
        return Rates(name, skipped=str(error))
    except PluginError as error:
        return Rates(name, skipped=str(error), failed=True)


def _rates(
    compute: Callable[[SequenceDataset, int], object], model: Model, sizes: Sequence[int], seconds: float, limit: float
) -> dict[int, float]:
    """Return sequences per second by batch size, without sizes of which a batch takes longer than ``limit``."""
    compute(random_sequences(model, _FIRST), _FIRST)  # loads libraries
    rate, found = _rate(compute, model, _FIRST, 1), dict[int, float]()
    for size in sizes:
        if found and size / rate > limit:
            break
        share = seconds / len(sizes)
        first = _rate(compute, model, size, max(1, int(share / 2 * rate / size)))
        rest = int(share / 2 * first / size)  # the second half of the time, planned with the rate just measured
        rate = found[size] = max(first, _rate(compute, model, size, max(1, rest)))
    return found


def _rate(compute: Callable[[SequenceDataset, int], object], model: Model, size: int, batches: int) -> float:
    at_once = min(batches, max(1, MOST_LETTERS * 4 // (size * model.length)))  # results stay in memory
    data, often = random_sequences(model, size * at_once), -(-batches // at_once)
    started = time.perf_counter()
    for _ in range(often):
        compute(data, size)
    return len(data) * often / (time.perf_counter() - started)
