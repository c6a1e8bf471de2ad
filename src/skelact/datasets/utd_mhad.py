"""UTD-MHAD: 27 actions, 8 people, Kinect v1.

Source: Chen, Jafari, Kehtarnavaz, "UTD-MHAD", ICIP 2015. 27 x 8 x 4 recordings, of which the authors removed
three broken ones.
"""

import re
from dataclasses import replace
from pathlib import Path

from skelact.datasets.dataset import Dataset, Expected, Listing, Tags
from skelact.datasets.files import Pattern, find_clips
from skelact.errors import FileError
from skelact.readers.utd_mhad import read_utd_mhad
from skelact.sequences import Sequence
from skelact.skeletons import KINECT20

PATTERN = Pattern(
    title="UTD-MHAD",
    wording="aA_sS_tT_skeleton.mat (action, subject, trial)",
    looks=re.compile(r"_skeleton\.mat$"),
    full=re.compile(r"/a(?P<action>\d{1,2})_s(?P<subject>\d)_t(?P<trial>\d)_skeleton\.mat$"),
)
CLASSES = (
    "swipe left",
    "swipe right",
    "wave",
    "clap",
    "throw",
    "cross arms",
    "basketball shoot",
    "draw x",
    "draw circle clockwise",
    "draw circle counter clockwise",
    "draw triangle",
    "bowling",
    "boxing",
    "baseball swing",
    "tennis swing",
    "arm curl",
    "tennis serve",
    "push",
    "knock on door",
    "catch",
    "pick up and throw",
    "jog",
    "walk",
    "sit to stand",
    "stand to sit",
    "lunge",
    "squat",
)


def find(folder: Path) -> Listing:
    """The clips in a folder; a ``UserError`` when there is none."""
    return find_clips(folder, PATTERN)


def read_clip(path: Path) -> Sequence:
    """A clip with its label and the tags action, subject and trial.

    Raises:
        FileError: the file is broken, or its name is none of the benchmark's.
    """
    tags = PATTERN.numbers(path)
    if not 1 <= tags["action"] <= len(CLASSES):
        raise FileError(path, f"action {tags['action']} is none of UTD-MHAD's (1 to {len(CLASSES)})")
    name = path.stem.removesuffix("_skeleton")
    return replace(read_utd_mhad(path), name=name, label=CLASSES[tags["action"] - 1], tags=tags)


def across_subjects(tags: Tags) -> str | None:
    """Subjects with odd numbers train, those with even numbers are the test."""
    return "train" if int(tags["subject"]) % 2 else "test"


DATASET = Dataset(
    name="utd-mhad",
    title="UTD multimodal human action",
    skeleton=KINECT20,
    classes=CLASSES,
    find=find,
    read=read_clip,
    splits={"xsub": across_subjects},
    expected=Expected(861, {"xsub": (431, 430)}),
)
