"""The three networks of the paper in plain PyTorch modules, as DeMo had them before it was made faster.

They are frozen: rivals in the benchmarks run them with the weights of DeMo's networks, so that a faster network of ours
is not also a faster rival. Names of parameters are those of the plugins.
"""

from __future__ import annotations

from torch import Tensor, nn

from demo_core import Model


class PlainCnn(nn.Module):
    def __init__(
        self, letters: int, filters: tuple[int, ...], widths: tuple[int, ...], pool: int, targets: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for place, (wanted, width) in enumerate(zip(filters, widths, strict=True)):
            layers += [nn.Conv1d(letters, wanted, width), nn.ReLU()]
            if place < len(filters) - 1 and pool > 1:
                layers.append(nn.MaxPool1d(pool))
            layers.append(nn.Dropout(0.5))
            letters = wanted
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveMaxPool1d(1)
        self.linear = nn.Linear(letters, targets)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.pool(self.features(x)).squeeze(-1))


class _PlainLstm(nn.Module):
    def __init__(self, channels: int, units: int, layers: int, both: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, units, layers, batch_first=True, bidirectional=both)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x.transpose(1, 2))[0].transpose(1, 2)


class _PlainReadout(nn.Module):
    def __init__(self, features: int, targets: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, targets)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.mean(dim=2))


class PlainRnn(nn.Module):
    def __init__(self, letters: int, units: int, layers: int, both: bool, targets: int) -> None:
        super().__init__()
        self.recurrent = _PlainLstm(letters, units, layers, both)
        self.dropout = nn.Dropout(0.5)
        self.readout = _PlainReadout(units * (2 if both else 1), targets)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.dropout(self.recurrent(x)))


class PlainCnnRnn(PlainRnn):
    def __init__(
        self, letters: int, filters: int, width: int, units: int, layers: int, both: bool, targets: int
    ) -> None:
        super().__init__(filters, units, layers, both, targets)
        self.padding = nn.ZeroPad1d(((width - 1) // 2, width // 2))
        self.convolution = nn.Conv1d(letters, filters, width)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.relu(self.convolution(self.padding(x))))


def plain_network(model: Model) -> nn.Module:
    """Return the plain network of a model of cnn, rnn or cnn-rnn, with its weights, in eval mode."""
    o, letters, targets = model.options, len(model.alphabet.letters), len(model.outputs)
    name = model.architecture["name"]
    module: nn.Module
    if name == "cnn":
        module = PlainCnn(letters, tuple(o["filters"]), tuple(o["widths"]), o["pool"], targets)
    elif name == "rnn":
        module = PlainRnn(letters, o["units"], o["layers"], not o["unidirectional"], targets)
    else:
        module = PlainCnnRnn(
            letters, o["filters"], o["width"], o["units"], o["layers"], not o["unidirectional"], targets
        )
    module.load_state_dict(model.module.state_dict())
    return module.eval()
