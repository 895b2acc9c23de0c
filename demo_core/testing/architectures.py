"""Checks of architectures."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from demo_core.errors import DemoError, MisfitError, UsageProblem, one_line
from demo_core.plugins.registry import Registered, Registry
from demo_core.plugins.specs import Architecture
from demo_core.testing.check import Breach, DoesNotApply, expect, expect_same, rule
from demo_core.testing.common import CommonChecks, settings_of
from demo_core.testing.tiny import tiny_dataset

if TYPE_CHECKING:
    from torch import Tensor

    from demo_core.models.model import Model

#: Members that capabilities promise.
_PROMISED = {"variable-length": "min_length", "prefix-logits": "prefix_logits", "conv-filters": "first_layer"}


class ArchitectureChecks(CommonChecks[Architecture]):
    """Checks of an architecture, on untrained models of ``length`` bases with the given options."""

    first = (*CommonChecks.first, "builds")

    def __init__(self, registered: Registered[Architecture], options: Mapping[str, Any], length: int) -> None:
        super().__init__(registered)
        self.options = dict(options)
        self.length = length

    def further_obstacle(self) -> str:
        """The network can be built."""
        try:
            self.model()
        except DemoError:
            return "it cannot be built: see 'builds'"
        return ""

    def model(self, targets: int = 1, options: Mapping[str, Any] | None = None) -> Model:
        """Make a model, the same at each call."""
        import torch

        from demo_core.models.model import build_model
        from demo_core.models.outputs import Output
        from demo_core.sequences.alphabets import DNA

        outputs = [Output(f"t{i}") for i in range(targets)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            given = self.options if options is None else dict(options)
            return build_model(self.registered, given, alphabet=DNA, length=self.length, outputs=outputs)

    def that_offers(self, word: str, targets: int = 1) -> Model:
        """Make a model that offers a capability. Without the capability there is nothing to check."""
        model = self.model(targets)
        if word not in model.capabilities:
            raise DoesNotApply(f"it does not offer {word}")
        return model

    def codes(self, n: int = 5, length: int | None = None) -> Any:
        """Make sequences, of which the last begins with unknown bases."""
        return tiny_dataset(n, max(length or self.length, 7)).codes[:, : length or self.length]

    @rule("the network can be built for the length of the check", "architectures")
    def builds(self) -> None:
        """Other checks need a model."""
        try:
            self.model()
        except MisfitError as error:
            raise Breach(f"{error}; for another length give --length N or length=N") from error

    @rule("forward(x) returns finite floats (B, T), in the precision of the weights", "architectures")
    def outputs(self) -> None:
        """Check single and double precision."""
        import torch

        for dtype in (torch.float32, torch.float64):
            model = self.model()
            model.module.to(dtype)
            with torch.no_grad():
                found = model.module(model.one_hot(self.codes()))
            expect(isinstance(found, torch.Tensor), f"a {type(found).__name__}")
            expect(tuple(found.shape) == (5, 1), f"shape {tuple(found.shape)} for 5 sequences and 1 target")
            expect(found.dtype == dtype, f"{found.dtype} from a network and sequences in {dtype}")
            expect(bool(torch.isfinite(found).all()), "outputs that are not finite")

    @rule("forward(x) does not modify x", "architectures")
    def input_unchanged(self) -> None:
        """Explainers use the input again."""
        import torch

        model = self.model()
        x = model.one_hot(self.codes())
        before = x.clone()
        with torch.no_grad():
            model.module(x)
        expect(torch.equal(x, before), "it changed x")

    @rule("the network returns n_targets outputs", "architectures")
    def several_targets(self) -> None:
        """Check three numbers of targets."""
        found = self.model(3).predict(self.codes())
        expect(found.shape == (5, 3), f"shape {found.shape} for 5 sequences and 3 targets")

    @rule("sequences with some or only unknown bases (columns of zeros) give finite outputs", "architectures")
    def unknown_bases(self) -> None:
        """Check sequences of every length."""
        codes = self.codes()
        for n in (1, self.length // 2, self.length):
            codes[:, :n] = 4
            found = self.model().predict(codes)
            expect(np.isfinite(found).all(), f"outputs that are not finite with {n} unknown bases")

    @rule("outputs of a sequence do not depend on the other sequences of its batch, to 1e-5", "the-same-result")
    def batch_size(self) -> None:
        """Compare one sequence at a time with all at once."""
        model = self.model()
        one, many = (model.predict(self.codes(), batch_size=size) for size in (1, 5))
        expect_same(one, many, "outputs in batches of 1 and of 5")

    @rule("in eval mode the same sequences give the same outputs", "the-same-result")
    def eval_is_deterministic(self) -> None:
        """Compare with other states of torch's random numbers."""
        import torch

        model = self.model()
        with torch.random.fork_rng(devices=[]):
            one = model.predict(self.codes())
            torch.manual_seed(1)
            expect(np.array_equal(one, model.predict(self.codes())), "two calls in eval mode gave other outputs")

    @rule("in training, every trainable parameter gets a finite gradient", "architectures")
    def can_be_trained(self) -> None:
        """Training in several processes refuses unused parameters."""
        import torch

        module: Any = self.model(2).module.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            if hasattr(module, "set_progress"):
                module.set_progress(0.5)
            module(self.model().one_hot(self.codes(8))).pow(2).sum().backward()
        wanted = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        lost = [name for name, p in wanted if p.grad is None]
        expect(not lost, f"no gradient reaches {', '.join(lost[:3])}")
        wild = [name for name, p in wanted if not torch.isfinite(p.grad).all()]
        expect(not wild, f"the gradient of {', '.join(wild[:3])} is not finite")

    @rule("with gradients, the gradients of the outputs reach the input", "capabilities")
    def gradients(self) -> None:
        """Check every target."""
        import torch

        model = self.that_offers("gradients", 2)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            for weight in model.module.parameters():  # a last layer may start at zero
                weight.add_(torch.randn_like(weight), alpha=0.1)
        for target in range(2):
            x = model.one_hot(self.codes()).requires_grad_(True)
            value = model.module(x)[:, target].sum()
            (found,) = torch.autograd.grad(value, x, allow_unused=True) if value.requires_grad else (None,)
            expect(found is not None and bool(found.abs().sum() > 0), f"none of output {target} reaches it")

    @rule("the module has every member that its capabilities promise", "capabilities")
    def members(self) -> None:
        """Check the shape of the first layer too."""
        model = self.model()
        for word, member in _PROMISED.items():
            if word in model.capabilities:
                expect(hasattr(model.module, member), f"it offers {word} and has no '{member}'")
        if "conv-filters" in model.capabilities:
            shape = tuple(getattr(getattr(model.module.first_layer, "weight", None), "shape", ()))
            expect(len(shape) == 3 and shape[1] == 4, f"first_layer has weights {shape}, not (filters, 4, width)")

    @rule("with variable-length, the network accepts every length of at least min_length", "capabilities")
    def lengths(self) -> None:
        """Check the shortest length, one more, and a much larger one."""
        model = self.that_offers("variable-length")
        shortest = model.min_length
        for length in (shortest, shortest + 1, shortest + 61):
            shape = model.predict(self.codes(2, length)).shape
            expect(shape == (2, 1), f"{length} bases gave outputs {shape}, not (2, 1)")

    @rule(
        "prefix_logits(x) returns (B, T, L): at each position, the outputs for the prefix that ends there",
        "capabilities",
    )
    def prefixes(self) -> None:
        """Compare with a loop over all prefixes, and over all suffixes."""
        import torch

        model = self.that_offers("prefix-logits", 2)
        shortest = model.min_length
        length = shortest + 25
        x = model.one_hot(self.codes(2, length))
        for member in ("prefix_logits", "suffix_logits"):
            if not hasattr(model.module, member):
                continue
            with torch.no_grad():
                found = getattr(model.module, member)(x)
                expect(tuple(found.shape) == (2, 2, length), f"{member} gave {tuple(found.shape)}")
                for place in range(length):
                    piece = x[:, :, : place + 1] if member == "prefix_logits" else x[:, :, place:]
                    known = piece.shape[2] >= shortest
                    alone = model.module(piece) if known else torch.full((2, 2), torch.nan)
                    expect_same(found[:, :, place], alone, f"{member} at place {place} and that piece by itself")

    @rule(
        "fast_forward(x), if there is one, gives the outputs and gradients of forward(x), from several threads at once",
        "capabilities",
    )
    def fast(self) -> None:
        """Compare values and gradients on the CPU, in float64, of equal and of different sequences."""
        import torch

        from demo_core.models.fast import fast_network

        model = self.model(2)
        x = model.one_hot(np.concatenate([self.codes(9), np.zeros((1, self.length), np.uint8)])).double()
        network = model.module.double()
        fast = fast_network(network, x)
        if fast is None:
            raise DoesNotApply("it has none")

        def both(forward: Callable[[Tensor], Tensor], rows: Tensor) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                piece = rows.clone().requires_grad_("gradients" in model.capabilities)
                outputs = forward(piece)
                weights = torch.arange(1.0, 3.0, dtype=piece.dtype)
                if not outputs.requires_grad:
                    return outputs, piece
                return outputs.detach(), torch.autograd.grad((outputs * weights).sum(), piece)[0]

        rows = [x[i : i + 1] for i in range(len(x))]
        true = [both(network, row) for row in rows]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda row: both(fast, row), rows))
        for what, values, others in zip(
            ("outputs", "gradients"), zip(*found, strict=True), zip(*true, strict=True), strict=True
        ):
            expect_same(torch.cat(values), torch.cat(others), f"{what} of fast_forward and of forward")

    @rule("a saved and loaded model gives the same outputs", "architectures")
    def save_and_load(self) -> None:
        """Save to a model folder and load."""
        import torch

        from demo_core.models.model import Model

        registry = Registry()
        registry.add(self.registered)
        model = self.model()
        with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder) / "model")
            torch.manual_seed(1)  # values drawn again must differ
            again = Model.load(Path(folder) / "model", registry=registry)
        same = np.array_equal(model.predict(self.codes()), again.predict(self.codes()))
        expect(same, "other outputs: something that decides them is neither an option nor in the state dict")

    @rule("the network can be pickled, for other processes", "architectures")
    def pickles(self) -> None:
        """Pickle and unpickle."""
        model = self.model()
        before = model.predict(self.codes())
        model.module = pickle.loads(pickle.dumps(model.module))
        expect(np.array_equal(before, model.predict(self.codes())), "other outputs after pickling")

    @rule("each choice, flag and smallest value of an option builds a network, or raises Unsuitable", "options")
    def options_hold(self) -> None:
        """Check one at a time."""
        for what, options in settings_of(self.spec.options, self.options):
            try:
                found = self.model(options=options).predict(self.codes())
            except (MisfitError, UsageProblem):
                continue
            except Exception as error:
                raise Breach(f"with {what}: {one_line(error)}") from error
            expect(found.shape == (5, 1), f"with {what} outputs {found.shape}")
