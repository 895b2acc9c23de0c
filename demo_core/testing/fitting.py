"""A short training loop for tests of architectures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo_core.data.dataset import SequenceDataset
    from demo_core.models.model import Model


def fit_briefly(
    model: Model, dataset: SequenceDataset, *, epochs: int = 20, batch_size: int = 32, seed: int = 0
) -> list[float]:
    """Train a model in place on the training split, with AdamW and a one-cycle learning rate with peak 0.003.

    When not to use it: for results. ``demo train`` keeps the best validation epoch, resumes, and records the training.

    Parameters
    ----------
    model
        The model.
    dataset
        The data.
    epochs
        Number of epochs.
    batch_size
        Sequences per step.
    seed
        Random seed.

    Returns
    -------
    list of float
        The mean training loss of each epoch, without unknown labels.

    Examples
    --------
    >>> from demo_core.testing import fit_briefly, tiny_dataset, tiny_model
    >>> losses = fit_briefly(tiny_model(), tiny_dataset(60), epochs=2)
    >>> len(losses)
    2
    """
    import torch

    from demo_core.models.targets import loss_of

    rows = dataset.rows_of_split("train")
    codes, labels = torch.as_tensor(dataset.codes[rows]), torch.as_tensor(dataset.labels[rows])
    optimizer = torch.optim.AdamW(model.module.parameters())
    steps = -(-len(rows) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.003, epochs=epochs, steps_per_epoch=steps)
    losses = []
    model.module.train()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for epoch in range(epochs):
            total = 0.0
            if set_progress := getattr(model.module, "set_progress", None):
                set_progress(epoch / epochs)
            for batch in torch.split(torch.randperm(len(rows)), batch_size):
                optimizer.zero_grad()
                outputs, known = model.outputs_of(model.one_hot(codes[batch])), labels[batch].to(model.device)
                # Unknown labels become 0 before the loss: the gradient of a NaN is NaN, even behind a mask
                filled = torch.nan_to_num(known)
                columns = [loss_of(outputs[:, i], filled[:, i], o.activation) for i, o in enumerate(model.outputs)]
                loss = torch.stack(columns, dim=1)[~torch.isnan(known)].mean()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                total += loss.item() * len(batch)
            losses.append(total / len(rows))
    model.module.eval()
    return losses
