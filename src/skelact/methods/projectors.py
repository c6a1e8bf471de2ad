"""Projectors: small networks between features and what a loss compares."""

from torch import nn

from skelact.layers.batch_norm import PersonBatchNorm


def projector(width_in: int, hidden: int, width_out: int, norm: bool = False) -> nn.Sequential:
    """Linear, ReLU, linear; with ``norm`` a batch norm after each linear layer, the last one without weights.

    Features that are a maximum have a large common part, and without a norm it takes many steps until the
    projections of different clips point in different directions. Source: Chen et al., ICML 2020, sec. B.9.
    """
    first, second = nn.Linear(width_in, hidden), nn.Linear(hidden, width_out)
    if not norm:
        return nn.Sequential(first, nn.ReLU(), second)
    return nn.Sequential(
        first, PersonBatchNorm(hidden), nn.ReLU(), second, PersonBatchNorm(width_out, affine=False)
    )
