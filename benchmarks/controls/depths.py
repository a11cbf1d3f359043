"""Where the parameters of a control stand, as the optimiser asks it."""

from __future__ import annotations

from torch import nn


def parameter_groups(model: nn.Module, last: str) -> list[tuple[str, int, bool]]:
    """(name, depth, decays): the first convolution at 0, the layers of that first name in the path at 2, all between at
    1, so that `muon` takes the same kind of weights as in a Swin; no weight decay on norms and biases."""
    names = [name for name, _ in model.named_parameters()]
    first = names[0].rpartition(".")[0]
    depths = {name: 0 if name.startswith(first + ".") else 2 if name.split(".")[0] == last else 1 for name in names}
    return [(name, depths[name], parameter.ndim > 1) for name, parameter in model.named_parameters()]
