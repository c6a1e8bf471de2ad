"""The published SCD-Net code, read from a folder that the user gives. Nothing of it is part of this project."""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

NEEDS = ("einops", "tqdm")


def load(folder: Path, module: str, device: str = "cpu") -> ModuleType:
    """A module of the published code, such as ``scd.builder``; on the CPU its ``.cuda()`` does nothing."""
    if not (folder / "scd" / "builder.py").is_file():
        sys.exit(f"{folder} does not hold the published SCD-Net code: scd/builder.py not found")
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        sys.exit(f"the published code needs {' and '.join(missing)}: pip install {' '.join(missing)}")
    import torch

    if device == "cpu":

        def stay(tensor: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
            del args, options
            return tensor

        torch.Tensor.cuda = stay  # type: ignore[assignment,method-assign]
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return __import__(module, fromlist=["name"])
