"""The default device, and the precisions that a device supports."""

import torch

from skelact.errors import UserError
from skelact.settings import Precision


def best_device() -> str:
    """The GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_device(name: str, option: str = "--device") -> torch.device:
    """The device of this name; the GPU where there is one when the name is empty.

    Raises:
        UserError: there is no such device here; those that there are, are named.
    """
    there = available_devices()
    try:
        device = torch.device(name or best_device())
    except RuntimeError:
        device = None
    if device is None or str(device) not in there:
        raise UserError(
            f"device {name}: there is none of this name here. Known: {', '.join(there)}. "
            f"Choose one with {option}, or leave {option} out"
        )
    return device


def available_devices() -> list[str]:
    """The names of the devices that can be computed on."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = ["cuda", *(f"cuda:{index}" for index in range(count))] if count else []
    return ["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])]


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
