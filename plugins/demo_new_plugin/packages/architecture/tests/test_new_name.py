"""Test the contract, and that the network learns a motif."""

import demo_new_name
import torch

from demo_core.models import Output, build_model
from demo_core.sequences import DNA
from demo_core.testing import Check, fit_briefly, parametrize_with_checks, registered_from, tiny_dataset

(registered,) = registered_from(demo_new_name)


@parametrize_with_checks(demo_new_name)
def test_contract(check: Check) -> None:
    check()


def test_learns_a_planted_motif() -> None:
    torch.manual_seed(0)
    data = tiny_dataset(400)
    model = build_model(registered, {}, alphabet=DNA, length=data.length, outputs=[Output("bound")])
    losses = fit_briefly(model, data, epochs=20)
    assert losses[-1] < 0.75 * losses[0]
