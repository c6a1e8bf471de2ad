"""Skeletons: which joints a recording has, and all that follows from it."""

from skelact.errors import unknown
from skelact.skeletons.kinect20 import KINECT20
from skelact.skeletons.ntu25 import NTU25
from skelact.skeletons.sbu15 import SBU15
from skelact.skeletons.skeleton import Skeleton

SKELETONS = {skeleton.name: skeleton for skeleton in (KINECT20, NTU25, SBU15)}


def get_skeleton(name: str) -> Skeleton:
    """The layout of this name; a ``UserError`` lists the known ones otherwise."""
    if name not in SKELETONS:
        raise unknown("skeleton", name, SKELETONS)
    return SKELETONS[name]


__all__ = ["KINECT20", "NTU25", "SBU15", "SKELETONS", "Skeleton", "get_skeleton"]
