"""What one of several processes does in ``test_batch_norm``: run as ``two_processes.py RANK PROCESSES FOLDER``.

Each takes its part of a batch. Left in FOLDER is what it gets: features, gradients, weights and statistics.
"""

import copy
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from skelact.batches import collate
from skelact.encoders import Encoder, build_encoder
from skelact.settings import SCDNetEncoderSettings, STGCNSettings
from skelact.skeletons import SBU15

SETTINGS = {
    "scdnet": SCDNetEncoderSettings(graph_widths=(4, 8), graph_gain=1.0, width=16, heads=2, dropout=0.0),
    "st_gcn": STGCNSettings(widths=(4, 8), kernel=3, dropout=0.0),
}


def clips() -> tuple[Tensor, Tensor, Tensor]:
    """Positions, valid and a direction for the features; only the last clips have absent people."""
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(6, 8, 2, 15, 3)) * np.arange(1, 7)[:, None, None, None, None]
    arrays[4:, :, 1] = np.nan
    batch = collate(list(arrays), SBU15)
    return batch.positions.double(), batch.valid, torch.as_tensor(rng.normal(size=(6, 32)))


def gradients(encoder: Encoder, part: slice) -> tuple[Tensor, dict[str, Tensor]]:
    positions, valid, direction = clips()
    features = encoder(positions[part], valid[part]).clip
    (features * direction[part, : features.shape[1]]).sum().backward()
    return features.detach(), {name: one.grad for name, one in encoder.named_parameters() if one.grad is not None}


def one_step(encoder: Encoder, part: slice, together: bool) -> dict[str, Tensor]:
    """A step of SGD on the mean over processes of the sums over clips."""
    positions, valid, direction = clips()
    module: nn.Module = DistributedDataParallel(encoder) if together else encoder
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.01)
    features = module(positions[part], valid[part]).clip
    loss = (features * direction[part, : features.shape[1]]).sum()
    (loss if together else loss / 2).backward()
    optimizer.step()
    return {name: value.clone() for name, value in encoder.state_dict().items()}


def work(part: slice, together: bool) -> dict[str, dict[str, Tensor]]:
    found = {}
    for name, settings in SETTINGS.items():
        torch.manual_seed(0)
        encoder = build_encoder(SBU15, 2, 8, 3, settings).double().train()
        twin = copy.deepcopy(encoder)
        features, grads = gradients(encoder, part)
        statistics = dict(encoder.named_buffers())
        found[name] = {"features": features, "grads": grads, "statistics": statistics}
        found[name]["weights"] = one_step(twin, part, together)
    return found


if __name__ == "__main__":
    rank, processes, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=processes)
    torch.save(work(slice(rank * 3, rank * 3 + 3), together=True), folder / f"{rank}.pt")
    dist.destroy_process_group()
