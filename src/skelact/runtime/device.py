"""Where to compute when nobody says, and how precisely it can be done there."""

import torch

from skelact.errors import UserError
from skelact.settings import Precision


def best_device() -> str:
    """The GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def check_precision(precision: Precision, device: torch.device, option: str) -> None:
    """Refuse bfloat16 where the device has no instructions for it: there it is many times slower than float32."""
    if precision != "bfloat16":
        return
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if not fast:
        raise UserError(
            f"{option} is bfloat16, and this {'GPU' if device.type == 'cuda' else 'processor'} has no "
            "instructions for it, which makes it many times slower. Use float32"
        )
