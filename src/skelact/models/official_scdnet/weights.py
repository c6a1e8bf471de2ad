"""Weights of the official SCD-Net implementation, under its own names, into ours.

Ours holds convolutions of the same input in one tensor and orders token features (person, channel, joint) and
(channel, frame), so values are stacked and reordered; nothing is computed.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelact.encoders import SCDNetEncoder
from skelact.errors import UserError
from skelact.methods.scdnet import ProjectedEncoder, SCDNet
from skelact.models.official_scdnet.names import SUBSETS, OfficialSizes, misfit

Arrays = Mapping[str, NDArray[np.floating]]
NORM = ("weight", "bias", "running_mean", "running_var")


def load_official(method: SCDNet, state: Arrays) -> None:
    """Copy a whole official training state (query, key, queues) into ``method``.

    Args:
        method: built with the sizes that the state has.
        state: arrays by official name: ``encoder_q.*``, ``encoder_k.*``, ``t_queue`` (D, K), ``t_queue_ptr``, ...

    Raises:
        UserError: names are missing or left over, or shapes differ.
    """
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    if wrong := misfit(shapes, _sizes(method)):
        raise UserError(f"official weights do not fit: {wrong}")
    for side, module in (("encoder_q.", method.query), ("encoder_k.", method.key)):
        _copy(module, translate(state, side, module), f"official {side[:-1]}")
    for letter, queue in zip(
        "tsi", (method.temporal_queue, method.spatial_queue, method.instance_queue), strict=True
    ):
        queue.keys.copy_(torch.as_tensor(state[f"{letter}_queue"].T))
        queue.next.copy_(torch.as_tensor(state[f"{letter}_queue_ptr"]).view(1))


def load_official_encoder(encoder: SCDNetEncoder, state: Arrays, prefix: str) -> None:
    """Copy one official encoder, without its projectors, into ours.

    Args:
        encoder: built with the sizes that the state has.
        state: arrays by official name, checked with ``misfit``.
        prefix: which one: ``encoder_q.`` or ``encoder_k.``.

    Raises:
        UserError: a name is missing or a shape differs.
    """
    reader = _Reader(state, prefix, NORM)
    reader.encoder(encoder)
    ours = {name.removeprefix("encoder."): value for name, value in reader.out.items()}
    _copy(encoder, ours, f"official {prefix[:-1]}")


def translate(
    state: Arrays, prefix: str, module: ProjectedEncoder, norms: tuple[str, ...] = NORM
) -> dict[str, Tensor]:
    """Official arrays of one projected encoder (weights, or gradients) under our names.

    Args:
        state: arrays by official name.
        prefix: what precedes the official names: ``encoder_q.``, ``encoder_k.``.
        module: ours, for sizes only.
        norms: entries of a batch norm to take; gradients have no running statistics.

    Raises:
        UserError: a name is missing.
    """
    reader = _Reader(state, prefix, norms)
    reader.encoder(module.encoder)
    for ours, letter in (("temporal", "t"), ("spatial", "s"), ("instance", "i")):
        reader.mlp(f"{letter}_proj", ours)
    return reader.out


def _sizes(method: SCDNet) -> OfficialSizes:
    encoder = method.query.encoder
    return OfficialSizes(
        joints=len(encoder.skeleton),
        persons=encoder.persons,
        frames=encoder.frames,
        coordinates=encoder.coordinates,
        graph_widths=tuple(
            len(block.get_parameter("graph.values.bias")) // SUBSETS for block in encoder.temporal_graph.blocks
        ),
        width=encoder.dim // 2,
        layers=len(encoder.temporal_head.transformer.layers),
        projection=method.settings.projection,
        queue=method.settings.queue,
    )


class _Reader:
    """Takes official arrays by name and files them under ours."""

    def __init__(self, state: Arrays, prefix: str, norms: tuple[str, ...]) -> None:
        self.state, self.prefix, self.norms = state, prefix, norms
        self.out: dict[str, Tensor] = {}

    def take(self, name: str) -> Tensor:
        if self.prefix + name not in self.state:
            raise UserError(f"official weights lack {self.prefix + name}")
        return torch.as_tensor(np.array(self.state[self.prefix + name]))

    def encoder(self, encoder: SCDNetEncoder) -> None:
        for ours, letter in (("temporal", "t"), ("spatial", "s")):
            self.stack(f"encoder.gcn_{letter}", f"encoder.{ours}_graph", len(encoder.temporal_graph.blocks))
            self.head(letter, ours)
        joints, people = len(encoder.skeleton), encoder.persons
        key = "encoder.temporal_head.tokens.0.weight"  # official columns (M, V, C), ours (M, C, V)
        width = self.out[key].shape[0]
        self.out[key] = self.out[key].view(width, people, joints, -1).transpose(2, 3).reshape(width, -1)
        key = "encoder.spatial_head.tokens.0.weight"  # official columns (T, C), ours (C, T)
        self.out[key] = self.out[key].view(width, encoder.frames, -1).transpose(1, 2).reshape(width, -1)

    def plain(self, theirs: str, ours: str, entries: tuple[str, ...] = ("weight", "bias")) -> None:
        for entry in entries:
            self.out[f"{ours}.{entry}"] = self.take(f"{theirs}.{entry}")

    def joined(self, theirs: list[str], ours: str, entries: tuple[str, ...]) -> None:
        """Convolutions or norms side by side; 1x1 kernels lose their last two axes."""
        for entry in entries:
            values = torch.cat([self.take(f"{name}.{entry}") for name in theirs])
            self.out[f"{ours}.{entry}"] = values.flatten(1) if entry == "weight" and values.ndim > 1 else values

    def stack(self, theirs: str, ours: str, blocks: int) -> None:
        self.plain(f"{theirs}.data_bn", f"{ours}.input_norm", self.norms)  # both order its channels (M, V, C)
        for block in range(blocks):
            official, own = f"{theirs}.l{block + 1}", f"{ours}.blocks.{block}"
            self.graph_conv(f"{official}.gcn1", f"{own}.graph")
            self.temporal_conv(f"{official}.tcn1.branches", f"{own}.time")
            shortcuts = [(f"{official}.gcn1.down.0", f"{official}.gcn1.down.1")]
            if block > 0:
                shortcuts.append((f"{official}.residual.conv", f"{official}.residual.bn"))
            self.joined([conv for conv, _ in shortcuts], f"{own}.shortcut", ("weight", "bias"))
            self.joined([norm for _, norm in shortcuts], f"{own}.shortcut_norm", self.norms)

    def graph_conv(self, theirs: str, ours: str) -> None:
        self.out[f"{ours}.graph"] = self.take(f"{theirs}.PA")
        self.out[f"{ours}.alpha"] = self.take(f"{theirs}.alpha")
        convs = [f"{theirs}.convs.{subset}" for subset in range(3)]
        relate = [f"{conv}.{name}" for name in ("conv1", "conv2") for conv in convs]
        self.joined(relate, f"{ours}.relate", ("weight", "bias"))
        for entry in ("weight", "bias"):  # channel by channel, three partitions each
            values = torch.stack([self.take(f"{conv}.conv3.{entry}") for conv in convs], dim=1)
            self.out[f"{ours}.values.{entry}"] = (
                values.flatten(0, 1).flatten(1) if entry == "weight" else values.flatten()
            )
            refine = torch.stack([self.take(f"{conv}.conv4.{entry}") for conv in convs])
            self.out[f"{ours}.refine_{entry}"] = refine.flatten(2) if entry == "weight" else refine
        self.plain(f"{theirs}.bn", f"{ours}.norm", self.norms)

    def temporal_conv(self, theirs: str, ours: str) -> None:
        self.joined([f"{theirs}.{branch}.0" for branch in range(4)], f"{ours}.reduce", ("weight", "bias"))
        self.joined([f"{theirs}.{branch}.1" for branch in range(4)], f"{ours}.reduce_norm", self.norms)
        kernels = [self.take(f"{theirs}.{branch}.3.conv.weight").squeeze(-1) for branch in (0, 1)]
        self.out[f"{ours}.kernels"] = torch.stack(kernels)
        biases = [self.take(f"{theirs}.{branch}.3.conv.bias") for branch in (0, 1)]
        self.out[f"{ours}.kernel_bias"] = torch.stack(biases)
        self.joined([f"{theirs}.0.3.bn", f"{theirs}.1.3.bn", f"{theirs}.2.4"], f"{ours}.norm", self.norms)

    def head(self, letter: str, ours: str) -> None:
        for layer in (0, 1, 3):
            self.plain(f"encoder.channel_{letter}.{layer}", f"encoder.{ours}_head.tokens.{layer}")
        layer_count = len(
            {
                n
                for n in self.state
                if n.startswith(f"{self.prefix}encoder.{letter}_encoder.layers.") and n.endswith("linear1.weight")
            }
        )
        for layer in range(layer_count):
            official = f"encoder.{letter}_encoder.layers.{layer}"
            own = f"encoder.{ours}_head.transformer.layers.{layer}"
            self.plain(f"{official}.self_attn", f"{own}.self_attn", ("in_proj_weight", "in_proj_bias"))
            for part in ("self_attn.out_proj", "linear1", "linear2", "norm1", "norm2"):
                self.plain(f"{official}.{part}", f"{own}.{part}")

    def mlp(self, theirs: str, ours: str) -> None:
        for layer in (0, 2):
            self.plain(f"{theirs}.{layer}", f"{ours}.{layer}")


def _copy(module: torch.nn.Module, values: Mapping[str, Tensor], what: str) -> None:
    """Copy by name, strictly: every name of ours must be there with its shape."""
    own = {name: value for name, value in module.state_dict().items() if not name.endswith("num_batches_tracked")}
    missing = sorted(set(own) - set(values))
    extra = sorted(set(values) - set(own))
    if missing or extra:
        raise UserError(
            f"{what}: missing {', '.join(missing[:5]) or 'nothing'}; left over {', '.join(extra[:5]) or 'nothing'}"
        )
    for name, value in values.items():
        if own[name].shape != value.shape:
            raise UserError(f"{what}: {name} is {tuple(value.shape)}, ours {tuple(own[name].shape)}")
        own[name].copy_(value)
