"""The contract, by DeMo's own kit, and that it learns."""

import demo_new_name
import torch

from demo_core.model import build_model
from demo_core.recipe import TrainingSettings
from demo_core.sequences import DNA
from demo_core.targets import Output
from demo_core.testing import Check, parametrize_with_checks, registered_from, tiny_dataset
from demo_core.training import train

(registered,) = registered_from(demo_new_name)


@parametrize_with_checks(demo_new_name)
def test_contract(check: Check) -> None:
    check()


def test_it_learns_a_planted_motif() -> None:
    torch.manual_seed(0)
    data = tiny_dataset(400)
    model = build_model(registered, {}, alphabet=DNA, length=data.length, outputs=[Output("bound")])
    history = train(model, data, TrainingSettings(epochs=20, batch_size=32))
    assert history.epochs[-1].train_loss < 0.75 * history.epochs[0].train_loss
