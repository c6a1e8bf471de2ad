"""Which names and shapes the weights of the official SCD-Net implementation have.

Written from the sizes alone, so that a file can be checked as a whole before anything is taken from it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Shape = tuple[int, ...]
SUBSETS = 3  # of a joint's neighbours: itself, towards the root, away from it
QUEUES = ("t_queue", "s_queue", "i_queue")
KERNEL = 5  # frames of the temporal convolutions
SHOWN = 8  # names of each kind that a message lists


@dataclass(frozen=True)
class OfficialSizes:
    """What a checkpoint's shapes say; the defaults are the published sizes."""

    joints: int = 25
    persons: int = 2
    frames: int = 64
    coordinates: int = 3
    graph_widths: tuple[int, ...] = (64, 256, 64)
    width: int = 2048  # D
    layers: int = 1
    projection: int = 128
    queue: int = 8192


def sizes_in(shapes: Mapping[str, Shape]) -> OfficialSizes:
    """The sizes of a checkpoint, from shapes of its query encoder; the published one where a name is missing."""
    usual = OfficialSizes()

    def size(name: str, axis: int, otherwise: int) -> int:
        shape = shapes.get(name, ())
        return shape[axis] if -len(shape) <= axis < len(shape) and shape[axis] > 0 else otherwise

    root = "encoder_q.encoder."
    values = f"{root}gcn_t.l{{}}.gcn1.convs.0.conv3.weight"
    blocks = _how_many(shapes, f"{root}gcn_t.l", first=1) or len(usual.graph_widths)
    widths = tuple(size(values.format(1 + b), 0, usual.graph_widths[min(b, 2)]) for b in range(blocks))
    joints = size(f"{root}gcn_t.l1.gcn1.PA", -1, usual.joints)
    coordinates = size(values.format(1), 1, usual.coordinates)
    norm = size(f"{root}gcn_t.data_bn.weight", 0, usual.persons * joints * coordinates)
    token = size(f"{root}channel_s.0.weight", 1, usual.frames * widths[-1])
    return OfficialSizes(
        joints=joints,
        persons=max(1, norm // (joints * coordinates)),
        frames=max(1, token // widths[-1]),
        coordinates=coordinates,
        graph_widths=widths,
        width=size(f"{root}channel_t.0.weight", 0, usual.width),
        layers=_how_many(shapes, f"{root}t_encoder.layers.", first=0) or usual.layers,
        projection=size("encoder_q.t_proj.2.weight", 0, usual.projection),
        queue=next((shapes[name][1] for name in QUEUES if len(shapes.get(name, ())) == 2), usual.queue),
    )


def official_shapes(sizes: OfficialSizes) -> dict[str, Shape]:
    """Every name of an official training state with its shape, but for the counters of batch norms."""
    encoder = _projected_encoder(sizes)
    state = {side + name: shape for side in ("encoder_q.", "encoder_k.") for name, shape in encoder.items()}
    for queue in QUEUES:
        state |= {queue: (sizes.projection, sizes.queue), f"{queue}_ptr": (1,)}
    return state


def misfit(shapes: Mapping[str, Shape], sizes: OfficialSizes) -> str:
    """What of a checkpoint is missing, left over or of another shape, in words; empty when nothing is."""
    expected = official_shapes(sizes)
    counters = {name.replace("running_mean", "num_batches_tracked") for name in expected if "running_mean" in name}
    kinds = {
        "missing": [name for name in expected if name not in shapes],
        "left over": [name for name in shapes if name not in expected and name not in counters],
        "of another shape": [
            f"{name} {shapes[name]}, expected {shape}"
            for name, shape in (expected | dict.fromkeys(counters, ())).items()
            if name in shapes and shapes[name] != shape
        ],
    }
    return ". ".join(f"{len(names)} {kind}: {_listed(names)}" for kind, names in kinds.items() if names)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more


def _how_many(names: Iterable[str], prefix: str, first: int) -> int:
    """How many numbers follow the prefix, counted from ``first`` without a gap."""
    found = {name.removeprefix(prefix).partition(".")[0] for name in names if name.startswith(prefix)}
    count = 0
    while str(first + count) in found:
        count += 1
    return count


def _projected_encoder(sizes: OfficialSizes) -> dict[str, Shape]:
    """The encoder with its three projectors."""
    width, last = sizes.width, sizes.graph_widths[-1]
    tokens = {"t": sizes.persons * sizes.joints * last, "s": sizes.frames * last}
    out: dict[str, Shape] = {}
    for letter, token in tokens.items():
        out |= _stack(f"encoder.gcn_{letter}", sizes)
        out |= _linear(f"encoder.channel_{letter}.0", width, token)
        out |= _pair(f"encoder.channel_{letter}.1", width)
        out |= _linear(f"encoder.channel_{letter}.3", width, width)
        for layer in range(sizes.layers):
            out |= _transformer(f"encoder.{letter}_encoder.layers.{layer}", width)
    for letter, across in (("t", width), ("s", width), ("i", 2 * width)):
        out |= _linear(f"{letter}_proj.0", width, across)
        out |= _linear(f"{letter}_proj.2", sizes.projection, width)
    return out


def _stack(name: str, sizes: OfficialSizes) -> dict[str, Shape]:
    out = _norm(f"{name}.data_bn", sizes.persons * sizes.joints * sizes.coordinates)
    before = sizes.coordinates
    for block, width in enumerate(sizes.graph_widths):
        own = f"{name}.l{block + 1}"
        out |= _graph_conv(f"{own}.gcn1", before, width, sizes.joints)
        out |= _temporal_conv(f"{own}.tcn1.branches", width)
        if block:  # the first block has no residual
            out |= _conv(f"{own}.residual.conv", width, before) | _norm(f"{own}.residual.bn", width)
        before = width
    return out


def _graph_conv(name: str, before: int, width: int, joints: int) -> dict[str, Shape]:
    relations = 8 if before <= 3 else max(before // 8, 1)
    out: dict[str, Shape] = {f"{name}.PA": (SUBSETS, joints, joints), f"{name}.alpha": (1,)}
    for subset in range(SUBSETS):
        own = f"{name}.convs.{subset}"
        out |= _conv(f"{own}.conv1", relations, before) | _conv(f"{own}.conv2", relations, before)
        out |= _conv(f"{own}.conv3", width, before) | _conv(f"{own}.conv4", width, relations)
    return (
        out | _conv(f"{name}.down.0", width, before) | _norm(f"{name}.down.1", width) | _norm(f"{name}.bn", width)
    )


def _temporal_conv(name: str, width: int) -> dict[str, Shape]:
    """Two branches with a temporal convolution, one with a maximum, one as it is."""
    part = width // 4
    out: dict[str, Shape] = {}
    for branch in range(4):
        out |= _conv(f"{name}.{branch}.0", part, width) | _norm(f"{name}.{branch}.1", part)
    for branch in (0, 1):
        out |= _conv(f"{name}.{branch}.3.conv", part, part, KERNEL) | _norm(f"{name}.{branch}.3.bn", part)
    return out | _norm(f"{name}.2.4", part)


def _transformer(name: str, width: int) -> dict[str, Shape]:
    out: dict[str, Shape] = {
        f"{name}.self_attn.in_proj_weight": (3 * width, width),
        f"{name}.self_attn.in_proj_bias": (3 * width,),
    }
    for part in ("self_attn.out_proj", "linear1", "linear2"):
        out |= _linear(f"{name}.{part}", width, width)
    return out | _pair(f"{name}.norm1", width) | _pair(f"{name}.norm2", width)


def _conv(name: str, after: int, before: int, frames: int = 1) -> dict[str, Shape]:
    return {f"{name}.weight": (after, before, frames, 1), f"{name}.bias": (after,)}


def _linear(name: str, after: int, before: int) -> dict[str, Shape]:
    return {f"{name}.weight": (after, before), f"{name}.bias": (after,)}


def _pair(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _norm(name: str, width: int) -> dict[str, Shape]:
    return _pair(name, width) | {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
