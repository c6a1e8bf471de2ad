"""Skeletons: which joints a recording has, and all that follows from it."""

from pathlib import Path

from skelact.errors import UserError, unknown
from skelact.skeletons.body25 import BODY25
from skelact.skeletons.coco17 import COCO17
from skelact.skeletons.coco18 import COCO18
from skelact.skeletons.h36m17 import H36M17
from skelact.skeletons.jhmdb15 import JHMDB15
from skelact.skeletons.kinect20 import KINECT20
from skelact.skeletons.ntu25 import NTU25
from skelact.skeletons.own import read_skeleton
from skelact.skeletons.sbu15 import SBU15
from skelact.skeletons.skeleton import AXES, UNITS, Skeleton

SKELETONS = {
    skeleton.name: skeleton for skeleton in (KINECT20, NTU25, SBU15, COCO17, COCO18, BODY25, JHMDB15, H36M17)
}


def get_skeleton(name: str) -> Skeleton:
    """The skeleton of this name in ``SKELETONS``, or in the TOML file of this name.

    Raises:
        UserError: an unknown name; the message lists the known ones. Or a file that describes no skeleton.
    """
    if name.lower().endswith(".toml"):
        return read_skeleton(Path(name))
    if name not in SKELETONS:
        raise UserError(f"{unknown('skeleton', name, SKELETONS)}; or name a TOML file that describes yours")
    return SKELETONS[name]


def add_skeleton(skeleton: Skeleton) -> None:
    """Let ``get_skeleton`` and all options that take a skeleton know one by its name.

    Raises:
        UserError: another skeleton has that name.
    """
    if SKELETONS.setdefault(skeleton.name, skeleton) != skeleton:
        raise UserError(f"another skeleton is called {skeleton.name!r}; give yours another name")


__all__ = [
    "AXES",
    "BODY25",
    "COCO17",
    "COCO18",
    "H36M17",
    "JHMDB15",
    "KINECT20",
    "NTU25",
    "SBU15",
    "SKELETONS",
    "UNITS",
    "Skeleton",
    "add_skeleton",
    "get_skeleton",
    "read_skeleton",
]
