"""Networks of modules that have rules in tangermeme, and networks of foreign classes."""

import warnings

import torch
from tangermeme.deep_lift_shap import BilinearOp, deep_lift_shap
from torch import nn

from demo_core import Model
from demo_core.models import Output
from demo_core.sequences import DNA


class UnrolledLstm(nn.Module):
    """One direction of an LSTM in modules that have rules in tangermeme: (B, L, C) to (B, L, units)."""

    def __init__(self, weights, reverse):
        super().__init__()
        self.weights, self.reverse = weights, reverse
        self.sigmoid, self.tanh, self.squash = nn.Sigmoid(), nn.Tanh(), nn.Tanh()
        self.forget, self.write, self.show = (BilinearOp("...,...->...") for _ in range(3))

    def forward(self, x):
        w_x, w_h, b_x, b_h = self.weights
        h = c = x.new_zeros(len(x), w_h.shape[1])
        states = []
        for t in reversed(range(x.shape[1])) if self.reverse else range(x.shape[1]):
            before = x[:, t] @ w_x.T + h @ w_h.T + b_x + b_h
            i, f, g, o = before.chunk(4, dim=1)
            i, f, o = self.sigmoid(torch.cat([i, f, o], dim=1)).chunk(3, dim=1)
            c = self.forget(f, c) + self.write(i, self.tanh(g))
            h = self.show(o, self.squash(c))
            states.append(h)
        return torch.stack(states[::-1] if self.reverse else states, dim=1)


class UnrolledGru(UnrolledLstm):
    def forward(self, x):
        w_x, w_h, b_x, b_h = self.weights
        h = x.new_zeros(len(x), w_h.shape[1])
        states = []
        for t in reversed(range(x.shape[1])) if self.reverse else range(x.shape[1]):
            of_x, of_h = (x[:, t] @ w_x.T + b_x).chunk(3, dim=1), (h @ w_h.T + b_h).chunk(3, dim=1)
            r, z = self.sigmoid(torch.cat([of_x[0] + of_h[0], of_x[1] + of_h[1]], dim=1)).chunk(2, dim=1)
            n = self.tanh(of_x[2] + self.forget(r, of_h[2]))
            h = n + self.write(z, h - n)
            states.append(h)
        return torch.stack(states[::-1] if self.reverse else states, dim=1)


class Both(nn.Module):
    """All layers and directions of a recurrent module."""

    def __init__(self, recurrent):
        super().__init__()
        kind = UnrolledGru if isinstance(recurrent, nn.GRU) else UnrolledLstm
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        self.ends = nn.ModuleList()
        self.both = recurrent.bidirectional
        for layer in range(recurrent.num_layers):
            for way in range(2 if self.both else 1):
                end = f"_l{layer}" + ("_reverse" if way else "")
                self.ends.append(kind([getattr(recurrent, name + end).detach() for name in names], bool(way)))

    def forward(self, x):
        step = 2 if self.both else 1
        for place in range(0, len(self.ends), step):
            x = torch.cat([end(x) for end in self.ends[place : place + step]], dim=2)
        return x


class WithModules(nn.Module):
    """The paper's networks, of modules that have rules in tangermeme and Captum."""

    def __init__(self, name, network, length):
        super().__init__()
        self.name, self.network = name, network
        if name == "cnn":
            positions = network.features(torch.zeros(1, 4, length, dtype=network.linear.weight.dtype)).shape[2]
            network.global_max = nn.Sequential(nn.MaxPool1d(positions), nn.Flatten())
        else:
            self.recurrent = Both(network.recurrent.lstm)
        self.eval()

    def forward(self, x):
        if self.name == "cnn":
            return self.network(x)
        x = self.network.position_features(x) if self.name == "cnn-rnn" else x
        return self.network.readout.linear(self.recurrent(x.transpose(1, 2)).mean(dim=1))


def by_tangermeme(network, x, references):
    """Return hypothetical attributions (B, A, L), the mean over references (B, n, A, L)."""
    b, n = references.shape[:2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # that sums do not match, or an operation has no rule
        found = deep_lift_shap(
            network, x, references=lambda x, n: references.reshape(b * references.shape[1], 1, *x.shape[1:]),
            n_shuffles=n, batch_size=b * n, hypothetical=True, device="cpu", dtype=torch.float64,
        )  # fmt: skip
    return found.numpy()


class Foreign(nn.Module):
    """A network that is not one of DeMo's architectures: embeds three bases, and applies a function to (B, 8, 20)."""

    def __init__(self, middle):
        super().__init__()
        self.embed, self.middle, self.head = nn.Conv1d(4, 8, 3, padding=1), middle, nn.Linear(8, 1)

    def forward(self, x):
        y = self.middle(self.embed(x))
        if y.ndim > 2:
            y = y.flatten(2)
            y = y @ torch.linspace(-1, 2, y.shape[2], dtype=y.dtype)
        return self.head(y)


def foreign(middle, length=20):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Foreign(middle() if isinstance(middle, type) else middle).double().eval()
        for p in network.parameters():
            nn.init.normal_(p, std=0.7)
    return model_of(network, length)


def model_of(network, length=20):
    return Model(
        network, (Output("bound", "sigmoid", "logit"),), DNA, length, frozenset({"gradients"}),
        {"name": "foreign", "plugin": "foreign"}, {}, name="foreign",
    )  # fmt: skip
