"""NW-UCLA: 10 actions of daily life, 10 people, 3 cameras, Kinect v1.

Source: Wang et al., "Cross-view action modeling, learning and recognition", CVPR 2014.
"""

import re
from dataclasses import replace
from pathlib import Path

from skelact.datasets.dataset import Dataset, Expected, Listing, Tags
from skelact.datasets.files import Pattern, find_clips
from skelact.errors import FileError
from skelact.readers.nw_ucla import read_nw_ucla
from skelact.sequences import Sequence
from skelact.skeletons import KINECT20

PATTERN = Pattern(
    title="NW-UCLA",
    wording="aAA_sSS_eEE_vVV.json (action, subject, episode, view)",
    looks=re.compile(r"\.json$"),
    full=re.compile(r"/a(?P<action>\d\d)_s(?P<subject>\d\d)_e(?P<episode>\d\d)_v(?P<camera>\d\d)\.json$"),
)
ACTIONS = {  # number in the file name -> class, in label order: the numbers have gaps
    1: "pick up with one hand",
    2: "pick up with two hands",
    3: "drop trash",
    4: "walk around",
    5: "sit down",
    6: "stand up",
    8: "donning",
    9: "doffing",
    11: "throw",
    12: "carry",
}
CLASSES = tuple(ACTIONS.values())


def find(folder: Path) -> Listing:
    """The clips in a folder; a ``UserError`` when there is none."""
    return find_clips(folder, PATTERN)


def read_clip(path: Path) -> Sequence:
    """A clip with its label and the tags action, subject, episode and camera.

    Raises:
        FileError: the file is broken, or its name, its content and the list of actions contradict each other.
    """
    tags = PATTERN.numbers(path)
    if tags["action"] not in ACTIONS:
        numbers = ", ".join(map(str, ACTIONS))
        raise FileError(path, f"action {tags['action']} is none of NW-UCLA's ({numbers})")
    label = ACTIONS[tags["action"]]
    sequence = read_nw_ucla(path)
    inside = sequence.tags["label"]
    if inside != CLASSES.index(label) + 1:
        named = f"{CLASSES.index(label) + 1} ({label})"
        raise FileError(path, f"the file says label {inside}, its name says {named}. Renamed?")
    return replace(sequence, label=label, tags=tags)


def across_views(tags: Tags) -> str | None:
    """Cameras 1 and 2 train, camera 3 is the test."""
    return {1: "train", 2: "train", 3: "test"}.get(int(tags["camera"]))


DATASET = Dataset(
    name="nw-ucla",
    title="Northwestern-UCLA multiview action 3D",
    skeleton=KINECT20,
    classes=CLASSES,
    find=find,
    read=read_clip,
    splits={"xview": across_views},
    expected=Expected(1484, {"xview": (1020, 464)}),
)
