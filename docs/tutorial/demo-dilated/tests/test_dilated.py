"""Test the contract, the receptive field of each layer, and that the network learns a motif."""

import demo_dilated
import torch

from demo_core.metrics import auroc
from demo_core.models import Output, build_model
from demo_core.sequences import DNA
from demo_core.testing import Check, fit_briefly, parametrize_with_checks, registered_from, tiny_dataset

(registered,) = registered_from(demo_dilated)


@parametrize_with_checks(demo_dilated)
def test_contract(check: Check) -> None:
    check()


def test_receptive_field_doubles_with_each_layer() -> None:
    from demo_dilated.network import Layer

    for reach in (2, 4, 8):
        x = torch.zeros(1, 4, 41, requires_grad=True)
        (gradient,) = torch.autograd.grad(Layer(4, reach).convolution(x)[0, 0, 20], x)
        seen = gradient[0].abs().sum(0).nonzero().flatten().tolist()
        assert seen == [20 - reach, 20, 20 + reach]


def test_learns_a_planted_motif() -> None:
    torch.manual_seed(0)
    data = tiny_dataset(400)
    model = build_model(registered, {}, alphabet=DNA, length=data.length, outputs=[Output("bound")])
    fit_briefly(model, data, epochs=20)
    held_out = data.take(data.rows_of_split("validation"))
    assert auroc(held_out.labels[:, 0], model.predict(held_out.codes)[:, 0]) > 0.8
