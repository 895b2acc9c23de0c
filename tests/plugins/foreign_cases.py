"""Networks written without DeMo, their adapters, and their outputs computed by hand."""

import foreign_networks as foreign
import safetensors.torch
import torch
from torch import nn

LENGTH = 100
#: Per network: class, arguments, adapter options, targets, and hand-written input and output conversions.
CASES = {
    "deepsea": (
        foreign.DeepSeaLike, {}, ["--layout", "BA1L", "--without", "head.1", "--first-layer", "body.0"],
        ["a", "b", "c"], lambda x: x.unsqueeze(2),
        lambda net, fed: nn.Sequential(net.body, nn.Flatten(), net.head[0])(fed),
    ),
    "basset": (
        foreign.BassetLike, {}, ["--layout", "BAL1", "--bases", "AGTC"], ["a", "b"],
        lambda x: x[:, [0, 2, 3, 1]].unsqueeze(3), lambda net, fed: net(fed),
    ),
    "transformer": (
        foreign.SmallTransformer, {"width": 8}, ["--layout", "BLA", "--bases", "ACGTN", "--take", "logits",
                                                 "--shortest", "5", "--offers", "attention"], ["bound"],
        lambda x: torch.cat([x, 1 - x.sum(1, keepdim=True)], 1).transpose(1, 2), lambda net, fed: net(fed)["logits"],
    ),
    "counts": (
        foreign.ProfileNet, {"n_layers": 2}, ["--take", "1", "--extra-input", "X_ctl:2xL:0"],
        ["counts:identity:log counts"], lambda x: x, lambda net, fed: net(fed, torch.zeros(len(fed), 2, LENGTH))[1],
    ),
    "profile": (
        foreign.ProfileNet, {"n_layers": 2}, ["--take", "0", "--reduce", "profile", "--extra-input", "X_ctl:2xL"],
        ["profile:identity:weighted logits"], lambda x: x,
        lambda net, fed: weighted(net(fed, torch.zeros(len(fed), 2, LENGTH))[0]),
    ),
}  # fmt: skip


def weighted(logits):
    """Return the dot product of centred logits and their softmax, one sequence at a time."""
    found = []
    for one in logits:
        flat = one.reshape(-1) - one.mean()
        found.append((flat * torch.exp(flat) / torch.exp(flat).sum()).sum())
    return torch.stack(found)[:, None]


def written(case, folder, ending=".pt"):
    cls, arguments, *_ = CASES[case]
    torch.manual_seed(0)
    network = cls(**arguments).eval()
    path = folder / f"{case}{ending}"
    if ending == ".safetensors":
        safetensors.torch.save_file(network.state_dict(), path)
    else:
        torch.save(network.state_dict(), path)
    return network, path


def line(case, path, out, *more):
    cls, arguments, how, targets, *_ = CASES[case]
    words = ["model", "import", path, "--architecture", f"foreign_networks:{cls.__name__}", "--length", LENGTH]
    words += [w for k, v in arguments.items() for w in ("--option", f"{k}={v}")]
    return [*words, *(w for t in targets for w in ("--target", t)), *how, "-o", out, *more]
