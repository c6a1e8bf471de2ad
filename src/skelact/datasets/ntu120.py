"""NTU RGB+D 120: the 60 actions of NTU RGB+D and 60 more, 106 people, 32 set-ups, Kinect v2.

Source: Liu et al., "NTU RGB+D 120: A large-scale benchmark for 3D human activity understanding", TPAMI 2019.
"""

from functools import partial
from pathlib import Path

from skelact.datasets import ntu60
from skelact.datasets.dataset import Dataset, Expected, Listing, Tags
from skelact.datasets.ntu_clips import across_subjects, find_ntu, inventory_of, read_clip
from skelact.skeletons import NTU25

CLASSES = (
    *ntu60.CLASSES,
    "put on headphone",
    "take off headphone",
    "shoot at the basket",
    "bounce ball",
    "tennis bat swing",
    "juggling table tennis balls",
    "hush (quiet)",
    "flick hair",
    "thumb up",
    "thumb down",
    "make ok sign",
    "make victory sign",
    "staple book",
    "counting money",
    "cutting nails",
    "cutting paper (using scissors)",
    "snapping fingers",
    "open bottle",
    "sniff (smell)",
    "squat down",
    "toss a coin",
    "fold paper",
    "ball up paper",
    "play magic cube",
    "apply cream on face",
    "apply cream on hand back",
    "put on bag",
    "take off bag",
    "put something into a bag",
    "take something out of a bag",
    "open a box",
    "move heavy objects",
    "shake fist",
    "throw up cap/hat",
    "hands up (both hands)",
    "cross arms",
    "arm circles",
    "arm swings",
    "running on the spot",
    "butt kicks (kick backward)",
    "cross toe touch",
    "side kick",
    "yawn",
    "stretch oneself",
    "blow nose",
    "hit other person with something",
    "wield knife towards other person",
    "knock over other person (hit with body)",
    "grab other person's stuff",
    "shoot at other person with a gun",
    "step on foot",
    "high-five",
    "cheers and drink",
    "carry something with other person",
    "take a photo of other person",
    "follow other person",
    "whisper in other person's ear",
    "exchange things with other person",
    "support somebody with hand",
    "finger-guessing game (playing rock-paper-scissors)",
)
# fmt: off
PEOPLE = {  # set-up -> the people recorded in it
    18: (8, 41, 42, 43, 44, 45),
    19: (8, 41, 42, 46, 47, 48, 49, 50, 51),
    20: (8, 41, 43, 44, 52, 53, 54),
    21: (55, 56, 57, 58, 59, 60),
    22: (61, 62, 63, 64, 65, 66, 67),
    23: (55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68),
    24: (57, 60, 61, 62, 63, 64, 67),
    25: (55, 56, 58, 59, 65, 66, 68),
    26: (8, 41, 44, 49, 50, 51, 69, 70, 71, 72, 74, 75, 76, 77),
    27: (6, 8, 11, 41, 43, 44, 78, 79, 80, 81, 82, 83, 84, 85, 86),
    28: (8, 41, 42, 43, 46, 48, 70, 73, 87),
    29: (6, 8, 41, 43, 44, 48, 49, 51, 67, 74, 75, 80, 88, 89, 90),
    30: (8, 11, 41, 43, 44, 48, 67, 75, 76, 81, 85, 88, 91, 92, 93, 94, 95, 96),
    31: (6, 8, 41, 42, 43, 44, 51, 67, 82, 85, 96, 97, 98, 99, 100, 101),
    32: (8, 41, 43, 44, 67, 102, 103, 104, 105, 106),
}
TRAINING = ntu60.TRAINING | {
    45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89,
    91, 92, 93, 94, 95, 97, 98, 100, 103,
}
# fmt: on
ACTIONS = range(61, 121)


def find(folder: Path) -> Listing:
    """The clips in a folder without those with missing skeletons; a ``UserError`` when there is none."""
    return find_ntu(folder, len(CLASSES), "NTU RGB+D 120 has actions 1 to 120.")


def across_setups(tags: Tags) -> str | None:
    """Set-ups with even numbers train, those with odd numbers are the test."""
    return "test" if int(tags["setup"]) % 2 else "train"


DATASET = Dataset(
    name="ntu120",
    title="NTU RGB+D 120",
    skeleton=NTU25,
    classes=CLASSES,
    find=find,
    read=partial(read_clip, classes=CLASSES),
    splits={"xsub": partial(across_subjects, TRAINING), "xset": across_setups},
    expected=Expected(113_945, {"xsub": (63_026, 50_919), "xset": (54_468, 59_477)}),
    inventory=inventory_of(
        ((ntu60.PEOPLE, ntu60.ACTIONS), (PEOPLE, ACTIONS)), listed=535, digest="58d30a6fdf262ab9"
    ),
)
