"""Fit a model with AdamW and a one-cycle learning rate, and keep its best validation epoch."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from demo_core.data import SequenceDataset
from demo_core.errors import DemoError, UsageProblem, one_line, printable
from demo_core.metrics import auroc, pearson
from demo_core.models import Model, Output, blaming_network, loss_of, one_hot
from demo_train.checkpoint import Checkpoint
from demo_train.cores import cores_for
from demo_train.distributed import ALONE, Ranks
from demo_train.settings import TrainingSettings


class Diverged(DemoError):
    """The training loss became NaN or infinite."""


@dataclass
class Epoch:
    """Record of one epoch."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_score: float
    learning_rate: float
    seconds: float
    #: Whether the network trained in another form than it is used in, see ``train``
    warm_up: bool = False

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Key of the best epoch: its score (NaN, as of constant predictions, is the lowest), then its loss.

        Epochs after the warm-up rank above all epochs of the warm-up. During the warm-up the score can be high while
        the mean is hardly trained and its probabilities are not calibrated.
        """
        score, loss = self.validation_score, self.validation_loss
        return (not self.warm_up, -math.inf if math.isnan(score) else score, -math.inf if math.isnan(loss) else -loss)


@dataclass
class History:
    """Record of a training."""

    epochs: list[Epoch] = field(default_factory=list)
    planned: int = 0
    best_epoch: int = 0
    score_name: str = "AUROC"
    interrupted: bool = False
    cores: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the entry of ``model.json``; NaN becomes null."""
        return {
            "planned_epochs": self.planned,
            "best_epoch": self.best_epoch,
            "score": self.score_name,
            "interrupted": self.interrupted,
            "cores": self.cores,
            "epochs": [{k: _number(v) for k, v in asdict(e).items()} for e in self.epochs],
        }


def train(
    model: Model,
    dataset: SequenceDataset,
    settings: TrainingSettings,
    on_epoch: Callable[[Epoch, History], None] = lambda epoch, history: None,
    *,
    on_step: Callable[[int, int], None] = lambda done, total: None,
    on_cores: Callable[[int, int, bool], None] = lambda cores, most, resumed: None,
    ranks: Ranks = ALONE,
    checkpoint: Checkpoint | None = None,
) -> History:
    """Fit ``model`` in place on the training split. Afterwards it holds the weights of the best validation epoch.

    Training uses AdamW with a one-cycle learning rate that always runs to its end, gradient clipping by norm, and a
    loss without unknown labels. ``set_progress(fraction)`` of a module receives the completed fraction before each
    step. While its ``warming_up`` is true, epochs are kept only if no later epoch exists. Ctrl-C ends the training with
    the best epoch so far; before the end of the first epoch it raises KeyboardInterrupt. The global random state is
    restored.

    Parameters
    ----------
    on_epoch
        Called after each epoch, in the first process.
    on_step
        Called after each step with the steps done and planned, in the first process.
    on_cores
        Called once with the number of cores that are used, the number that PyTorch may use, and whether the training
        is resumed.
    ranks
        Processes that share each batch; the gradient is that of the whole batch.
    checkpoint
        Checkpoint written after each epoch; an existing one is resumed. On a CPU, resuming gives the same weights as an
        uninterrupted training; on a GPU the weights differ as between two trainings.

    Raises
    ------
    UsageProblem
        If the training split has no labels.
    DemoError
        If the loss becomes NaN or infinite; the model is then unusable. If the checkpoint is of another training.
    """
    train_set = dataset.take(dataset.rows_of_split("train"))
    held_out = dataset.take(dataset.rows_of_split("validation"))
    if not len(train_set) or np.isnan(train_set.labels).all():
        raise UsageProblem("the training split has no labelled sequence; see 'demo data info'")
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
        torch.manual_seed(settings.seed + ranks.rank)  # dropout differs between processes, everything else is the same
        fit = _Fit(
            model, train_set, held_out, settings, ranks, on_step if ranks.rank == 0 else lambda done, total: None
        )
        if checkpoint and (kept := checkpoint.load()):
            try:
                fit.restore(*kept)
            except (KeyError, TypeError, ValueError, RuntimeError) as error:
                shown = printable(checkpoint.path)
                raise DemoError(f"{shown}: cannot resume ({one_line(error)}); use --force to restart") from None
        most = torch.get_num_threads()
        resumed = fit.history.cores > 0 and "OMP_NUM_THREADS" not in os.environ
        if not resumed:  # several processes would disturb each other
            fit.history.cores = cores_for(model, fit.first_batch()) if ranks.size == 1 else 0
        cores = min(fit.history.cores or most, most)
        if ranks.rank == 0:
            on_cores(cores, most, resumed)
        try:
            torch.set_num_threads(cores)
            return fit.run(on_epoch, checkpoint)
        finally:
            torch.set_num_threads(most)


class _Fit:
    def __init__(
        self,
        model: Model,
        train_set: SequenceDataset,
        held_out: SequenceDataset,
        settings: TrainingSettings,
        ranks: Ranks = ALONE,
        on_step: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.on_step = on_step
        self.model, self.settings, self.ranks = model, settings, ranks
        self.train_set, self.held_out = train_set, held_out
        self.codes = torch.from_numpy(np.ascontiguousarray(train_set.codes))
        self.labels = torch.from_numpy(np.ascontiguousarray(train_set.labels))
        self.order = torch.Generator().manual_seed(settings.seed)
        # Complements are looked up by code, on the device; the last entry keeps unknown bases unknown
        alphabet = model.alphabet
        self.complement = (
            torch.tensor([*alphabet.complement_order, alphabet.unknown], dtype=torch.uint8, device=model.device)
            if settings.reverse_complement and alphabet.complement
            else None
        )
        self.positive_weight = _positive_weights(self.labels, model.outputs, settings).to(model.device)
        epochs = settings.epochs_for(len(train_set))
        self.steps = math.ceil(len(train_set) / settings.batch_size)
        self.network = ranks.wrap(model.module)
        self.optimizer = torch.optim.AdamW(
            model.module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        total = epochs * self.steps + 1
        rise = max(0.25, 1.5 / total)  # with four steps, a quarter is a rise of length zero, and a division by zero
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr=settings.learning_rate, total_steps=total, pct_start=rise
        )
        sigmoid = all(o.activation == "sigmoid" for o in model.outputs)
        self.history = History(planned=epochs, score_name="AUROC" if sigmoid else "Pearson r")
        self.best: dict[str, Tensor] | None = None

    def run(self, on_epoch: Callable[[Epoch, History], None], checkpoint: Checkpoint | None = None) -> History:
        try:
            for number in range(len(self.history.epochs) + 1, self.history.planned + 1):
                try:
                    epoch = self._epoch(number)
                except Diverged:
                    if checkpoint and self.ranks.rank == 0:
                        checkpoint.remove()
                    raise
                self.history.epochs.append(epoch)
                self._keep_if_best(epoch)
                if checkpoint:
                    self._save(checkpoint)
                if self.ranks.rank == 0:
                    on_epoch(epoch, self.history)
        except KeyboardInterrupt:
            if self.best is None:
                raise
            self.history.interrupted = True
        finally:
            self.network = self.model.module  # see ranks.joined
        assert self.best is not None
        self.model.module.load_state_dict(self.best)
        self.model.module.eval()
        return self.history

    def _epoch(self, number: int) -> Epoch:
        started = time.perf_counter()
        self.network.train()
        set_progress = getattr(self.model.module, "set_progress", lambda fraction: None)
        mixed = torch.autocast(self.model.device.type, dtype=torch.bfloat16, enabled=self.settings.precision == "bf16")
        total, warm_up = torch.zeros((), device=self.model.device), False
        order = torch.randperm(len(self.codes), generator=self.order)
        for step, rows in enumerate(torch.split(order, self.settings.batch_size), start=(number - 1) * self.steps):
            x, labels = self._share(rows)
            set_progress(step / (self.steps * self.history.planned))
            warm_up = warm_up or bool(getattr(self.model.module, "warming_up", False))
            self.optimizer.zero_grad(set_to_none=True)
            with blaming_network(self.model), mixed:
                outputs = self.model.outputs_of(x, self.network)
            loss = self._loss(outputs.float(), labels, self.ranks)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.module.parameters(), self.settings.clip_norm)
            self.optimizer.step()
            self.schedule.step()
            total += loss.detach() * len(rows)
            self.on_step(step + 1, self.steps * self.history.planned)
        train_loss = float(self.ranks.total(total)) / len(self.codes) / self.ranks.size
        measured = self._validate() if self.ranks.rank == 0 else (math.nan, math.nan)
        loss_held_out, score = self.ranks.from_first(list(measured), self.model.device)
        if not math.isfinite(train_loss) or math.isinf(loss_held_out):
            raise Diverged(
                f"training loss became NaN or infinite in epoch {number}, so nothing was kept; "
                f"set --learning-rate below {self.settings.learning_rate:g}"
            )
        rate, seconds = self.schedule.get_last_lr()[0], time.perf_counter() - started
        return Epoch(number, train_loss, loss_held_out, score, float(rate), seconds, warm_up)

    def first_batch(self) -> Tensor:
        """Return inputs (B, A, L) of the size of a step."""
        return self.model.one_hot(self.codes[: self.settings.batch_size])

    def _share(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return this process's equal share of a batch, one-hot and labels; padding has no label and no weight."""
        ranks = self.ranks
        codes, labels = self.codes[rows], self.labels[rows]
        codes = self._either_strand(codes.to(self.model.device))
        if missing := -len(rows) % ranks.size:
            codes = torch.cat([codes, codes[:1].expand(missing, -1)])
            labels = torch.cat([labels, torch.full((missing, labels.shape[1]), torch.nan)])
        mine = slice(ranks.rank, None, ranks.size)
        return one_hot(codes[mine], len(self.model.alphabet.letters)), labels[mine].to(self.model.device)

    def _either_strand(self, codes: Tensor) -> Tensor:
        if self.complement is None:
            return codes
        flip = torch.rand(len(codes), generator=self.order).to(codes.device) < 0.5
        other = self.complement[codes.flip(1).int()]
        return torch.where(flip[:, None], other, codes)

    def _loss(self, outputs: Tensor, labels: Tensor, ranks: Ranks = ALONE) -> Tensor:
        """Return the weighted mean; for several processes, the mean of their results is that of the whole batch."""
        known = ~torch.isnan(labels)
        filled = torch.where(known, labels, torch.zeros_like(labels))
        each = torch.empty_like(outputs)
        for activation in {o.activation for o in self.model.outputs}:
            of = [i for i, o in enumerate(self.model.outputs) if o.activation == activation]
            each[:, of] = loss_of(outputs[:, of], filled[:, of], activation)
        weight = known * torch.where(filled > 0.5, self.positive_weight, 1.0)
        whole = ranks.agree_to_stop(weight.sum())
        # torch.where, not only a product: 0 * inf is NaN
        return torch.where(known, each * weight, 0.0).sum() * ranks.size / whole.clamp(min=1e-12)

    def _validate(self) -> tuple[float, float]:
        if np.isnan(self.held_out.labels).all():  # no validation sequences, or none of them labelled
            return math.nan, math.nan
        self.model.module.eval()
        outputs = self.model.predict(self.held_out.codes)
        if not np.isfinite(outputs).all():
            return math.inf, math.nan
        labels = self.held_out.labels
        with torch.inference_mode():
            device = self.model.device
            loss = self._loss(torch.from_numpy(outputs).to(device), torch.from_numpy(labels).to(device))
        measure = auroc if self.history.score_name == "AUROC" else pearson
        scores = np.array([measure(labels[:, i], outputs[:, i]) for i in range(outputs.shape[1])])
        # a target with equal labels has no score in any epoch; constant predictions have none in this one
        varied = np.array([len(np.unique(column[~np.isnan(column)])) > 1 for column in labels.T])
        return float(loss), float(scores[varied].mean()) if varied.any() else math.nan

    def _keep_if_best(self, epoch: Epoch) -> None:
        # without validation data or a score, the latest
        best = self.history.epochs[self.history.best_epoch - 1].rank if self.best else (False, -math.inf, -math.inf)
        if epoch.rank > best or math.isnan(epoch.validation_loss):
            self.best = copy.deepcopy(self.model.module.state_dict())
            self.history.best_epoch = epoch.epoch

    def _save(self, checkpoint: Checkpoint) -> None:
        assert self.best is not None
        device = self.model.device
        random = torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
        every = self.ranks.gathered(random, device)
        if self.ranks.rank:
            return
        optimizer = self.optimizer.state_dict()
        tensors = {f"now.{k}": v for k, v in self.model.module.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        tensors |= {f"moment.{i}.{k}": v for i, state in optimizer["state"].items() for k, v in state.items()}
        tensors |= {f"random.{rank}": state for rank, state in enumerate(every)} | {"order": self.order.get_state()}
        record = {
            "history": self.history.as_json(),
            "groups": optimizer["param_groups"],
            "schedule": self.schedule.state_dict(),
        }
        checkpoint.save(tensors, record)

    def restore(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        """Restore a state that ``_save`` stored."""

        def part(name: str) -> dict[str, Tensor]:
            return {k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)}

        device = self.model.device
        self.model.module.load_state_dict(part("now."))
        self.best = {k: v.to(device) for k, v in part("best.").items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in part("moment.").items():
            number, _, name = key.partition(".")
            moments.setdefault(int(number), {})[name] = value
        self.optimizer.load_state_dict({"state": moments, "param_groups": record["groups"]})
        self.schedule.load_state_dict(record["schedule"])
        self.order.set_state(tensors["order"])
        random = tensors[f"random.{self.ranks.rank}"]
        if device.type == "cuda":
            torch.cuda.set_rng_state(random, device)
        else:
            torch.set_rng_state(random)
        history = record["history"]
        every: list[dict[str, Any]] = [
            {k: math.nan if v is None else v for k, v in e.items()} for e in history["epochs"]
        ]
        self.history.epochs = [Epoch(**e) for e in every]
        self.history.best_epoch = int(history["best_epoch"])
        self.history.cores = int(history.get("cores", 0))


def _positive_weights(labels: Tensor, outputs: tuple[Output, ...], settings: TrainingSettings) -> Tensor:
    """Return the weight (T,) of each target's positives. Raises UsageProblem if no target has classes to balance."""
    if settings.class_weights == "none":
        return torch.ones(labels.shape[1])
    classes = torch.tensor([o.activation == "sigmoid" for o in outputs])
    if not classes.any():
        raise UsageProblem("--class-weights balanced: all targets are regressions, not 0 and 1; omit --class-weights")
    positive, negative = (labels > 0.5).sum(0), (labels <= 0.5).sum(0)
    weights = torch.where(positive > 0, negative / positive.clamp(min=1), torch.ones(())).clamp(1e-3, 1e3)
    return torch.where(classes, weights, torch.ones(()))


def _number(value: float) -> float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
