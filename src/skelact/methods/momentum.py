"""Momentum contrast: a momentum encoder and a queue of keys. Source: He et al., CVPR 2020, sec. 3.2."""

import copy
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


class Queue(nn.Module):
    """The latest keys, (K, D) of unit length; starts with random directions. The batch need not divide K."""

    keys: Tensor
    next: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("keys", F.normalize(torch.randn(size, width), dim=1))
        self.register_buffer("next", torch.zeros(1, dtype=torch.int64))

    @torch.no_grad()
    def push(self, keys: Tensor) -> None:
        """Overwrite the oldest keys by ``keys`` (N, D); of more than K only the last K stay."""
        size = len(self.keys)
        if size == 0:
            return
        keys = keys[-size:]
        place = (self.next + torch.arange(len(keys), device=keys.device)) % size
        self.keys[place] = keys.to(self.keys.dtype)
        self.next.copy_((self.next + len(keys)) % size)


def momentum_copy(module: Module) -> Module:
    """A copy that no gradient reaches, to be moved by ``ema_update``."""
    twin = copy.deepcopy(module)
    for parameter in twin.parameters():
        parameter.requires_grad_(False)
    return twin


@torch.no_grad()
def ema_update(twin: nn.Module, module: nn.Module, momentum: float) -> None:
    """Move every parameter of the twin: ``momentum * own + (1 - momentum) * module's``. Buffers stay."""
    targets: list[Tensor] = list(twin.parameters())
    sources: list[Tensor] = list(module.parameters())
    torch._foreach_lerp_(targets, sources, 1.0 - momentum)
