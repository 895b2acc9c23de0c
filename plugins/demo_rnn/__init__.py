"""Recurrent network of the paper."""

from demo_core import Architecture, Register, hookimpl
from demo_rnn.options import RnnOptions

DEMO_API = 1


@hookimpl
def register_architectures(register: Register[Architecture]) -> None:
    """Register the network."""
    register(
        Architecture(
            name="rnn",
            target="demo_rnn.network:Rnn",
            options=RnnOptions,
            provides={"gradients", "recurrent", "variable-length", "prefix-logits"},
            # on a few hundred sequences it needs more steps than the other networks
            training={"learning_rate": 0.01, "most_epochs": 200},
            summary="A bidirectional LSTM, averaged over positions (Lanchantin et al. 2017).",
            paper="Lanchantin, Singh, Wang & Qi 2017, Deep Motif Dashboard, PSB; arXiv:1608.03644",
        )
    )
