"""Networks written without DeMo, in styles found in published code."""

import functools

import torch
from torch import nn


class DeepSeaLike(nn.Module):
    """Like DeepSEA: input (B, 4, 1, L) of fixed length, and a final sigmoid."""

    def __init__(self, length=100, n_features=3):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4, 8, (1, 8)), nn.Threshold(0, 1e-6), nn.MaxPool2d((1, 4)), nn.Dropout(0.2),
            nn.Conv2d(8, 12, (1, 4)), nn.Threshold(0, 1e-6), nn.Dropout(0.5),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Linear(12 * ((length - 7) // 4 - 3), n_features), nn.Sigmoid())

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


class BassetLike(nn.Module):
    """Like Basset: input (B, 4, L, 1), batch normalisation, another order of bases."""

    def __init__(self, length=100, n_targets=2):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 8, (9, 1))
        self.bn1 = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d((3, 1))
        self.fc = nn.Linear(8 * ((length - 8) // 3), n_targets)

    def forward(self, s):
        return self.fc(self.pool(torch.relu(self.bn1(self.conv1(s)))).flatten(1))


class SmallTransformer(nn.Module):
    """Input (B, L, 5) with a channel for unknown bases, of any length; returns a dictionary."""

    def __init__(self, width=16, heads=2):
        super().__init__()
        self.embed = nn.Linear(5, width)
        layer = nn.TransformerEncoderLayer(width, heads, 32, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.cls = nn.Linear(width, 1)

    def forward(self, tokens):
        hidden = self.encoder(self.embed(tokens))
        return {"hidden": hidden, "logits": self.cls(hidden.mean(1)).squeeze(1)}


class ProfileNet(nn.Module):
    """Like BPNet: dilated convolutions, a control track as second input, and a tuple of profile and counts."""

    def __init__(self, n_filters=8, n_layers=3, n_control=2):
        super().__init__()
        self.iconv = nn.Conv1d(4, n_filters, 7, padding=3)
        self.irelu = nn.ReLU()
        self.convs = nn.ModuleList(
            nn.Conv1d(n_filters, n_filters, 3, padding=2**i, dilation=2**i) for i in range(1, n_layers + 1)
        )
        self.relus = nn.ModuleList(nn.ReLU() for _ in range(n_layers))
        self.fconv = nn.Conv1d(n_filters + n_control, 2, 5, padding=2)
        self.linear = nn.Linear(n_filters, 1)

    def forward(self, X, X_ctl):
        X = self.irelu(self.iconv(X))
        for conv, relu in zip(self.convs, self.relus, strict=True):
            X = X + relu(conv(X))
        return self.fconv(torch.cat([X, X_ctl], 1))[:, :, 10:-10], self.linear(X.mean(2))


class Positions(nn.Module):
    """Returns a value for each position and track: (B, L, T)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 3, 5, padding=2)

    def forward(self, x):
        return torch.tanh(self.conv(x)).transpose(1, 2)


def make_profile_net(**settings):
    """Return a network. A function is accepted in place of a class."""
    return ProfileNet(**settings)


class Peculiar(nn.Module):
    """Mixes the sequences of a batch, which is an error."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 1)

    def forward(self, x):
        return self.linear((x - x.mean(0)).mean(2))


class Plain(nn.Module):
    """Valid network."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 3, 5)
        self.linear = nn.Linear(3, 1)

    def forward(self, x):
        return 3 * self.linear(self.conv(x).amax(2)).squeeze()


class HiddenState(Plain):
    """Has a layer that is missing from its state dict."""

    def __init__(self):
        super().__init__()
        self.hidden = [nn.Linear(3, 1)]

    def forward(self, x):
        return self.hidden[0](self.conv(x).amax(2))


class AlwaysDropping(Plain):
    def forward(self, x):
        return nn.functional.dropout(self.linear(self.conv(x).amax(2)), 0.5, training=True)


class Detached(Plain):
    def forward(self, x):
        with torch.no_grad():
            return super().forward(x)


class Exits(Plain):
    def __init__(self):
        raise SystemExit(7)


class LazyOne(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.LazyConv1d(3, 5)
        self.linear = nn.Linear(3, 1)

    def forward(self, x):
        return self.linear(self.conv(x).amax(2))


class OneFilter(nn.Module):
    """Detects GATAAG in any layout. ``bases`` is the order of bases along the channel axis."""

    def __init__(self, bases, layout="BAL", padding=0, word="GATAAG"):
        super().__init__()
        self.layout = layout
        weight = torch.full((1, len(bases), len(word)), -1.0)
        for place, base in enumerate(word):
            weight[0, bases.index(base), place] = 1
        if "1" in layout:
            axes = [a for a in layout if a not in "B"]
            letters = axes.index("A")
            kernel = [1, 1]
            shape = {"A": len(bases), "L": len(word), "1": 1}
            kernel = [shape[a] for a in (axes[1:] if letters == 0 else axes if len(axes) == 2 else axes[1:])]
            channels = len(bases) if letters == 0 else 1
            along = 0 if kernel[0] == len(word) else 1
            self.conv = nn.Conv2d(channels, 1, kernel, padding=[padding if i == along else 0 for i in (0, 1)])
            weight = weight.reshape(self.conv.weight.shape) if letters == 0 or kernel[0] == len(bases) else weight
            if letters and kernel[1] == len(bases):
                weight = weight.transpose(1, 2).reshape(self.conv.weight.shape)
        else:
            self.conv = nn.Conv1d(len(bases), 1, len(word), padding=padding)
        with torch.no_grad():
            self.conv.weight.copy_(weight)
            self.conv.bias.zero_()

    def forward(self, x):
        if self.layout == "BLA":
            x = x.transpose(1, 2)
        return torch.relu(self.conv(x)).flatten(1).amax(1, keepdim=True) - 5


class Subtracts(nn.Module):
    """Modifies its input in place."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 5, padding=2)
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        x -= 0.25
        return self.head(torch.relu(self.conv(x)).amax(2))


class BuiltWithValues(Plain):
    """Reads numbers from tensors in ``__init__``, as stochastic depth does, and keeps a table in its class."""

    def __init__(self):
        super().__init__()
        self.rates = [x.item() for x in torch.linspace(0, 0.1, 3)]
        self.table = _table()

    def forward(self, x):
        return super().forward(x) * self.table[0] * (1 - self.rates[0])


@functools.cache
def _table():
    return torch.ones(4)


class InPlace(OneFilter):
    """Applies ReLU in place."""

    def forward(self, x):
        return nn.functional.relu(self.conv(x), inplace=True).flatten(1).amax(1, keepdim=True) - 5
