"""Convolutional-recurrent network of the paper."""

from demo_cnn_rnn.options import CnnRnnOptions
from demo_core import Architecture, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_architectures(register: Register[Architecture]) -> None:
    """Register the network."""
    register(
        Architecture(
            name="cnn-rnn",
            target="demo_cnn_rnn.network:CnnRnn",
            options=CnnRnnOptions,
            provides={"gradients", "conv-filters", "recurrent", "variable-length", "prefix-logits"},
            # with more steps, its gradients leave the known sites (docs/benchmarks.md)
            training={"learning_rate": 0.01, "training_steps": 1300},
            summary=("A convolution and a bidirectional LSTM, averaged over positions (Lanchantin et al. 2017)."),
            paper="Lanchantin, Singh, Wang & Qi 2017, Deep Motif Dashboard, PSB; arXiv:1608.03644",
        )
    )
