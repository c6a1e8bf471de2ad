"""Graph convolutions over any skeleton: with one graph (ST-GCN), or one for each channel (CTR-GCN, SCD-Net).

Tensors inside this file are (P, C, V, T): P people, then channels, joints, frames. With time last, the three
partitions of a joint's neighbours lie next to each other, so that one matrix product sums over all of them.
``counts`` (P,) say how often each person counts in the norms, once when None; see ``PersonBatchNorm``.

Source: ST-GCN (Yan et al., AAAI 2018), sec. 3; CTR-GCN (Chen et al., ICCV 2021), sec. 3; SCD-Net, sec. "Dual-path
decoupling encoder".
"""

from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skelact.layers import kernels
from skelact.layers.batch_norm import PersonBatchNorm
from skelact.skeletons import Skeleton

TEMPORAL_KERNEL = 5
NORM_SPREAD = (
    0.02  # norms over time and of a block's residual start from N(1, 0.02), as the published code has them
)


class PointConv(nn.Module):
    """1x1 convolution of (P, C_in, V, T); ``parts`` convolutions of the same input side by side."""

    def __init__(self, channels_in: int, channels_out: int, parts: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels_out * parts, channels_in))
        self.bias = nn.Parameter(torch.zeros(channels_out * parts))
        nn.init.normal_(self.weight, std=sqrt(2.0 / channels_out))  # Kaiming normal, fan-out of each part

    def forward(self, x: Tensor) -> Tensor:
        """(P, C_in, V, T) -> (P, C_out * parts, V, T)."""
        return point_product(x, self.weight, self.bias)


def point_product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(P, C_in, V, T), (C_out, C_in) and (C_out,) -> (P, C_out, V, T): each joint in each frame by itself."""
    people, channels, joints, frames = x.shape
    each = weight.expand(people, -1, -1)  # a batched product: on a CPU twice as fast as conv2d
    y = torch.baddbmm(bias[:, None], each, x.reshape(people, channels, joints * frames))
    return y.view(people, -1, joints, frames)


class SpatialConv(nn.Module):
    """Graph convolution in which all people and channels share one graph.

    ``y[u] = sum_k sum_v A_k[u, v] E_k[u, v] (W_k x + b_k)[v]`` over the partitions k of a joint's neighbours
    (itself, inward, outward), A the normalised adjacency, E a learnable weight for each edge, 1 at the start.

    Args:
        channels_in: C_in.
        channels_out: C_out.
        skeleton: gives A.
        edge_weights: whether E is learnt; 1 otherwise.

    Source: Yan et al., AAAI 2018, eq. 10 and sec. "Learnable edge importance weighting".
    """

    adjacency: Tensor

    def __init__(self, channels_in: int, channels_out: int, skeleton: Skeleton, edge_weights: bool = True) -> None:
        super().__init__()
        graph = torch.as_tensor(skeleton.adjacency, dtype=torch.get_default_dtype())
        self.register_buffer("adjacency", graph, persistent=False)
        self.edge_weights = nn.Parameter(torch.ones_like(graph)) if edge_weights else None
        self.values = PointConv(channels_in, channels_out, parts=3)  # channel by channel, three partitions each

    def forward(self, x: Tensor) -> Tensor:
        """(P, C_in, V, T) -> (P, C_out, V, T)."""
        people, _, joints, frames = x.shape
        graph = self.adjacency if self.edge_weights is None else self.adjacency * self.edge_weights
        takes = graph.transpose(0, 1).flatten(1)  # (V, 3 V): what joint u takes from v in each partition
        return torch.matmul(takes, self.values(x).view(people, -1, 3 * joints, frames))


class GraphConv(nn.Module):
    """Each output channel has its own graph: a learnt one, refined by the clip's own joint relations.

    For partition k, ``R_k = W4_k tanh(a_k[u] - b_k[v]) alpha + PA_k`` (P, C, V, V), where a and b are 1x1
    convolutions of the mean of x over time (the mean commutes with them, so it is taken first), and
    ``y[u] = sum_k sum_v R_k[u, v] (W3_k x)[v]``. Then batch norm and the residual.
    """

    def __init__(
        self, channels_in: int, channels_out: int, skeleton: Skeleton, start_weight: float = 1e-6
    ) -> None:
        super().__init__()
        self.relations = 8 if channels_in <= 3 else max(channels_in // 8, 1)
        self.channels_out = channels_out
        graph = torch.as_tensor(skeleton.adjacency, dtype=torch.get_default_dtype())
        self.graph = nn.Parameter(graph.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.relate = PointConv(channels_in, self.relations, parts=6)  # a_0 a_1 a_2 b_0 b_1 b_2
        self.values = PointConv(channels_in, channels_out, parts=3)  # channel by channel, three partitions each
        self.refine_weight = nn.Parameter(torch.empty(3, channels_out, self.relations))
        self.refine_bias = nn.Parameter(torch.zeros(3, channels_out))
        nn.init.normal_(self.refine_weight, std=sqrt(2.0 / channels_out))
        self.norm = PersonBatchNorm(channels_out)
        nn.init.constant_(self.norm.weight, start_weight)

    def related(self, x: Tensor) -> Tensor:
        """(P, 2, 3, r, V): the a and the b of each partition."""
        people, _, joints, _ = x.shape
        related: Tensor = self.relate(x.mean(dim=3, keepdim=True))
        return related.view(people, 2, 3, self.relations, joints)

    def topology(self, related: Tensor) -> Tensor:
        """(P, C_out, V, 3 V): what joint u takes from joint v in each partition."""
        people, _, _, _, joints = related.shape
        a, b = related[:, 0], related[:, 1]
        differences = torch.tanh(a.unsqueeze(-1) - b.unsqueeze(-2)).flatten(3)  # (P, 3, r, V V)
        scaled = self.refine_weight * self.alpha
        refined = torch.matmul(scaled, differences).view(people, 3, self.channels_out, joints, joints)
        together = (refined + self.fixed_topology()).permute(0, 2, 3, 1, 4)
        return together.reshape(people, self.channels_out, joints, 3 * joints)

    def fixed_topology(self) -> Tensor:
        """(3, C_out, V, V): the part of the topology that is the same for all people."""
        return self.graph.unsqueeze(1) + (self.refine_bias * self.alpha)[:, :, None, None]

    def forward(self, x: Tensor, counts: Tensor | None, residual: Tensor) -> Tensor:
        """(P, C_in, V, T) and (P, C_out, V, T) -> (P, C_out, V, T): ReLU of the normed sum plus the residual."""
        return self.norm.relu(self._sum(self.values(x), self.related(x)), counts, residual)

    def _sum(self, values: Tensor, related: Tensor) -> Tensor:
        """What every joint takes from all, (P, C_out, V, T)."""
        people, _, joints, frames = values.shape
        if kernels.enabled(values):
            parts = values.view(people, self.channels_out, 3, joints, frames)
            scaled = self.refine_weight * self.alpha, self.refine_bias * self.alpha
            return kernels.SumNeighbours.apply(  # type: ignore[no-untyped-call,no-any-return]
                parts, related, *scaled, self.graph
            )
        topology = self.topology(related).view(people * self.channels_out, joints, 3 * joints)
        y = torch.bmm(topology, values.view(people * self.channels_out, 3 * joints, frames))
        return y.view(people, self.channels_out, joints, frames)


class TemporalConv(nn.Module):
    """Multi-scale temporal convolution: kernel 5 dilated by 1 and by 2, max-pooling over 3, and as it is.

    The four branches begin with 1x1 convolutions of the same input, which are one here.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        branch = channels // 4
        self.reduce = PointConv(channels, branch, parts=4)
        self.reduce_norm = PersonBatchNorm(channels)
        self.kernels = nn.Parameter(torch.empty(2, branch, branch, TEMPORAL_KERNEL))
        self.kernel_bias = nn.Parameter(torch.zeros(2, branch))
        nn.init.normal_(self.kernels, std=sqrt(2.0 / (branch * TEMPORAL_KERNEL)))
        self.norm = PersonBatchNorm(3 * branch)
        for norm in (self.reduce_norm, self.norm):
            nn.init.normal_(norm.weight, 1.0, NORM_SPREAD)

    def forward(self, x: Tensor, counts: Tensor | None, residual: Tensor | None) -> Tensor:
        """(P, C, V, T) -> (P, C, V, T): ReLU of the branches plus a residual, if there is one."""
        branches = self._branches(self.reduce_norm(self.reduce(x), counts))
        return self.norm.relu(branches, counts, residual)

    def _branches(self, reduced: Tensor) -> Tensor:
        """(P, C, V, T) -> (P, C, V, T), a quarter of the channels for each branch."""
        # a norm is float32 in autocast too; convolutions are not, and the kernel would be
        if kernels.enabled(reduced) and not torch.is_autocast_enabled("cpu"):
            return kernels.Scales.apply(  # type: ignore[no-untyped-call,no-any-return]
                reduced, self.kernels, self.kernel_bias
            )
        branch = reduced.shape[1] // 4
        near, far, pooled = F.relu(reduced[:, : 3 * branch]).chunk(3, dim=1)
        branches = [
            convolve_time(near, self.kernels[0], self.kernel_bias[0], dilation=1),
            convolve_time(far, self.kernels[1], self.kernel_bias[1], dilation=2),
            F.max_pool2d(pooled, (1, 3), stride=1, padding=(0, 1)),
            reduced[:, 3 * branch :],
        ]
        return torch.cat(branches, dim=1)


def convolve_time(x: Tensor, kernels: Tensor, bias: Tensor, dilation: int) -> Tensor:
    """(P, C_in, V, T), (C_out, C_in, K) and (C_out,) -> (P, C_out, V, T), each joint by itself."""
    padding = (kernels.shape[2] - 1) // 2 * dilation
    return F.conv2d(x, kernels.unsqueeze(2), bias, padding=(0, padding), dilation=(1, dilation))


class GraphBlock(nn.Module):
    """Graph convolution, temporal convolution and their residuals."""

    def __init__(
        self, channels_in: int, channels_out: int, skeleton: Skeleton, residual: bool, start_weight: float
    ) -> None:
        super().__init__()
        self.graph = GraphConv(channels_in, channels_out, skeleton, start_weight)
        self.time = TemporalConv(channels_out)
        self.shortcuts = 0 if channels_in == channels_out else 2 if residual else 1
        self.residual = residual
        if self.shortcuts:  # one for the graph convolution, one for the block: convolutions of the same input
            self.shortcut = PointConv(channels_in, channels_out, parts=self.shortcuts)
            self.shortcut_norm = PersonBatchNorm(channels_out * self.shortcuts)
        if self.shortcuts == 2:
            nn.init.normal_(self.shortcut_norm.weight[channels_out:], 1.0, NORM_SPREAD)

    def forward(self, x: Tensor, counts: Tensor | None) -> Tensor:
        """(P, C_in, V, T) -> (P, C_out, V, T)."""
        parts = (
            self.shortcut_norm(self.shortcut(x), counts).chunk(self.shortcuts, dim=1) if self.shortcuts else [x]
        )
        y: Tensor = self.time(self.graph(x, counts, parts[0]), counts, parts[-1] if self.residual else None)
        return y
