"""Fit a model: one recipe that trains without tuning, and keeps the best it saw."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from demo_core.dataset import SequenceDataset
from demo_core.errors import DemoError, UsageProblem
from demo_core.metrics import auroc, pearson
from demo_core.model import Model, one_hot
from demo_core.targets import loss_of


@dataclass(frozen=True)
class TrainingSettings:
    """The recipe.

    Parameters
    ----------
    epochs
        Passes over the training split; None for about 2,600 steps in 20 to 100 passes.
    learning_rate
        The peak of the one-cycle schedule.
    clip_norm
        The gradient's norm is clipped to this.
    reverse_complement
        Show each sequence on a random strand each time (alphabets with a complement).
    class_weights
        ``balanced`` weighs positives by negatives/positives of each target; probabilities are then no longer
        calibrated to the data's own balance.
    """

    epochs: int | None = None
    batch_size: int = 128
    learning_rate: float = 0.003
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    reverse_complement: bool = True
    class_weights: Literal["none", "balanced"] = "none"
    seed: int = 0

    def epochs_for(self, n: int) -> int:
        """How many epochs a training split of n sequences gets."""
        if self.epochs is not None:
            return self.epochs
        return min(100, max(20, round(2600 * self.batch_size / max(n, 1))))


@dataclass
class Epoch:
    """What one pass came to."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_score: float
    learning_rate: float
    seconds: float


@dataclass
class History:
    """The record of a training."""

    epochs: list[Epoch] = field(default_factory=list)
    planned: int = 0
    best_epoch: int = 0
    score_name: str = "AUROC"
    interrupted: bool = False

    def as_json(self) -> dict[str, Any]:
        """For ``model.json``; NaN becomes null."""
        return {
            "planned_epochs": self.planned,
            "best_epoch": self.best_epoch,
            "score": self.score_name,
            "interrupted": self.interrupted,
            "epochs": [{k: _number(v) for k, v in asdict(e).items()} for e in self.epochs],
        }


def train(
    model: Model,
    dataset: SequenceDataset,
    settings: TrainingSettings,
    on_epoch: Callable[[Epoch, History], None] = lambda epoch, history: None,
) -> History:
    """Fit ``model`` in place on the training split; its best validation epoch is what it holds afterwards.

    AdamW under a one-cycle learning rate that is always run to its end, gradient clipping by norm, and a loss that
    leaves unknown labels out. Ctrl-C ends it early, with the best so far; before the first epoch is over it
    raises KeyboardInterrupt. Random state outside is left as it was.

    Raises
    ------
    UsageProblem
        If the training split has no labels.
    DemoError
        If the loss stops being a number; the model is then unusable.
    """
    train_set = dataset.take(dataset.rows_of_split("train"))
    held_out = dataset.take(dataset.rows_of_split("validation"))
    if not len(train_set) or np.isnan(train_set.labels).all():
        raise UsageProblem("there is no labelled sequence in the training split: see 'demo data info'")
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        return _Fit(model, train_set, held_out, settings).run(on_epoch)


class _Fit:
    def __init__(
        self, model: Model, train_set: SequenceDataset, held_out: SequenceDataset, settings: TrainingSettings
    ) -> None:
        self.model, self.settings = model, settings
        self.train_set, self.held_out = train_set, held_out
        self.codes = torch.from_numpy(np.ascontiguousarray(train_set.codes))
        self.labels = torch.from_numpy(np.ascontiguousarray(train_set.labels))
        self.order = torch.Generator().manual_seed(settings.seed)
        # The complement is looked up by code, on the device; its last entry keeps unknown bases unknown
        alphabet = model.alphabet
        self.complement = (
            torch.tensor([*alphabet.complement_order, alphabet.unknown], dtype=torch.uint8, device=model.device)
            if settings.reverse_complement and alphabet.complement
            else None
        )
        self.positive_weight = _positive_weights(self.labels, settings).to(model.device)
        epochs = settings.epochs_for(len(train_set))
        self.steps = math.ceil(len(train_set) / settings.batch_size)
        self.optimizer = torch.optim.AdamW(
            model.module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr=settings.learning_rate, total_steps=epochs * self.steps + 1, pct_start=0.25
        )
        sigmoid = all(o.activation == "sigmoid" for o in model.outputs)
        self.history = History(planned=epochs, score_name="AUROC" if sigmoid else "Pearson r")
        self.best: dict[str, Tensor] | None = None
        self.best_rank = (-math.inf, -math.inf)

    def run(self, on_epoch: Callable[[Epoch, History], None]) -> History:
        try:
            for number in range(1, self.history.planned + 1):
                epoch = self._epoch(number)
                self.history.epochs.append(epoch)
                self._keep_if_best(epoch)
                on_epoch(epoch, self.history)
        except KeyboardInterrupt:
            if self.best is None:
                raise
            self.history.interrupted = True
        assert self.best is not None
        self.model.module.load_state_dict(self.best)
        self.model.module.eval()
        return self.history

    def _epoch(self, number: int) -> Epoch:
        started = time.perf_counter()
        module = self.model.module.train()
        total = torch.zeros((), device=self.model.device)
        order = torch.randperm(len(self.codes), generator=self.order)
        for rows in torch.split(order, self.settings.batch_size):
            codes = self.codes[rows].to(self.model.device)
            labels = self.labels[rows].to(self.model.device)
            x = one_hot(self._either_strand(codes), len(self.model.alphabet.letters))
            self.optimizer.zero_grad(set_to_none=True)
            loss = self._loss(module(x), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(module.parameters(), self.settings.clip_norm)
            self.optimizer.step()
            self.schedule.step()
            total += loss.detach() * len(rows)
        train_loss = float(total) / len(self.codes)
        if not math.isfinite(train_loss):
            raise DemoError(
                f"the loss is {train_loss} in epoch {number}, so training stopped and nothing was kept: "
                f"try a --learning-rate below {self.settings.learning_rate:g}"
            )
        loss_held_out, score = self._validate()
        rate = self.schedule.get_last_lr()[0]
        return Epoch(number, train_loss, loss_held_out, score, float(rate), time.perf_counter() - started)

    def _either_strand(self, codes: Tensor) -> Tensor:
        if self.complement is None:
            return codes
        flip = torch.rand(len(codes), generator=self.order).to(codes.device) < 0.5
        other = self.complement[codes.flip(1).int()]
        return torch.where(flip[:, None], other, codes)

    def _loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        known = ~torch.isnan(labels)
        filled = torch.where(known, labels, torch.zeros_like(labels))
        columns = [loss_of(outputs[:, i], filled[:, i], o.activation) for i, o in enumerate(self.model.outputs)]
        each = torch.stack(columns, dim=1)
        weight = known * torch.where(filled > 0.5, self.positive_weight, 1.0)
        # torch.where, not a product alone: 0 * inf is NaN
        return torch.where(known, each * weight, 0.0).sum() / weight.sum().clamp(min=1e-12)

    def _validate(self) -> tuple[float, float]:
        if not len(self.held_out):
            return math.nan, math.nan
        self.model.module.eval()
        outputs = self.model.predict(self.held_out.codes)
        labels = self.held_out.labels
        with torch.inference_mode():
            device = self.model.device
            loss = self._loss(torch.from_numpy(outputs).to(device), torch.from_numpy(labels).to(device))
        measure = auroc if self.history.score_name == "AUROC" else pearson
        scores = np.array([measure(labels[:, i], outputs[:, i]) for i in range(outputs.shape[1])])
        return float(loss), float(np.nanmean(scores)) if not np.isnan(scores).all() else math.nan

    def _keep_if_best(self, epoch: Epoch) -> None:
        # Best by score, equal scores by loss; with nothing held out, or no score to be had, the latest
        score, loss = epoch.validation_score, epoch.validation_loss
        rank = (0.0 if math.isnan(score) else score, -math.inf if math.isnan(loss) else -loss)
        if rank > self.best_rank or math.isnan(loss):
            self.best_rank = rank
            self.best = copy.deepcopy(self.model.module.state_dict())
            self.history.best_epoch = epoch.epoch


def _positive_weights(labels: Tensor, settings: TrainingSettings) -> Tensor:
    if settings.class_weights == "none":
        return torch.ones(labels.shape[1])
    positive, negative = (labels > 0.5).sum(0), (labels <= 0.5).sum(0)
    return torch.where(positive > 0, negative / positive.clamp(min=1), torch.ones(())).clamp(1e-3, 1e3)


def _number(value: float) -> float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
