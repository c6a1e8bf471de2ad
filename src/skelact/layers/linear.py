"""Linear layers whose large float32 products a CPU makes by oneDNN."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGE = 1 << 20  # weights from which on the library saves more than it costs to hand a product over


class Linear(nn.Linear):
    """``nn.Linear`` by way of ``linear``."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., D_in) -> (..., D_out)."""
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``F.linear``, the same up to rounding, gradients too.

    The library that torch takes for float32 products reaches three quarters of oneDNN's speed on an AMD EPYC;
    of tensors in oneDNN's own layout oneDNN makes them.
    """
    if weight.numel() < LARGE or not _for_onednn(x):
        return F.linear(x, weight, bias)
    product: Tensor = F.linear(x.contiguous().to_mkldnn(), weight, bias).to_dense()
    return product


def _for_onednn(x: Tensor) -> bool:
    here = x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0
    built_in = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return here and built_in and not torch.is_autocast_enabled("cpu")
