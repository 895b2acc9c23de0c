"""Single substitutions of a batch of sequences."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Edits:
    """Substitutions: ``letter`` at ``position`` of sequence ``row`` of ``x`` (B, A, L)."""

    x: Tensor
    row: Tensor
    letter: Tensor
    position: Tensor

    @classmethod
    def of_batch(cls, x: Tensor, positions: range) -> Edits:
        """Return all substitutions at some positions, except of a letter by itself, position by position."""
        missing = (x[:, :, positions.start : positions.stop] == 0).transpose(1, 2)  # (B, positions, A)
        row, place, letter = missing.nonzero(as_tuple=True)
        return cls(x, row, letter, place + positions.start)

    def __len__(self) -> int:
        return len(self.row)

    def take(self, some: slice | Tensor) -> Edits:
        """Return some of the substitutions."""
        return Edits(self.x, self.row[some], self.letter[some], self.position[some])

    def changes(self) -> Tensor:
        """Return the changes of the one-hot columns at the positions, (n, A)."""
        new = torch.nn.functional.one_hot(self.letter, self.x.shape[1]).to(self.x.dtype)
        return new - self.x[self.row, :, self.position]

    def sequences(self) -> Tensor:
        """Return the edited sequences (n, A, L)."""
        edited = self.x[self.row]
        every = torch.arange(len(self), device=self.x.device)
        edited[every, :, self.position] += self.changes()
        return edited
