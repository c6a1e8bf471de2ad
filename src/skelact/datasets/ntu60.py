"""NTU RGB+D: 60 actions, 40 people, 3 cameras, Kinect v2.

Not everyone was recorded in every set-up (``PEOPLE``, taken from the published names of clips), but everyone in a
set-up did all 60 actions twice before three cameras. That rule gives 56,880 clips, the
published number; without the 302 that the authors list as having missing skeletons, it gives the published split
sizes too.

Source: Shahroudy et al., "NTU RGB+D: A large scale dataset for 3D human activity analysis", CVPR 2016.
"""

from functools import partial
from pathlib import Path

from skelact.datasets.dataset import Dataset, Expected, Listing, Tags
from skelact.datasets.ntu_clips import across_subjects, find_ntu, inventory_of, read_clip
from skelact.skeletons import NTU25

CLASSES = (
    "drink water",
    "eat meal/snack",
    "brushing teeth",
    "brushing hair",
    "drop",
    "pickup",
    "throw",
    "sitting down",
    "standing up (from sitting position)",
    "clapping",
    "reading",
    "writing",
    "tear up paper",
    "wear jacket",
    "take off jacket",
    "wear a shoe",
    "take off a shoe",
    "wear on glasses",
    "take off glasses",
    "put on a hat/cap",
    "take off a hat/cap",
    "cheer up",
    "hand waving",
    "kicking something",
    "reach into pocket",
    "hopping (one foot jumping)",
    "jump up",
    "make a phone call/answer phone",
    "playing with phone/tablet",
    "typing on a keyboard",
    "pointing to something with finger",
    "taking a selfie",
    "check time (from watch)",
    "rub two hands together",
    "nod head/bow",
    "shake head",
    "wipe face",
    "salute",
    "put the palms together",
    "cross hands in front (say stop)",
    "sneeze/cough",
    "staggering",
    "falling",
    "touch head (headache)",
    "touch chest (stomachache/heart pain)",
    "touch back (backache)",
    "touch neck (neckache)",
    "nausea or vomiting condition",
    "use a fan (with hand or paper)/feeling warm",
    "punching/slapping other person",
    "kicking other person",
    "pushing other person",
    "pat on back of other person",
    "point finger at the other person",
    "hugging other person",
    "giving something to other person",
    "touch other person's pocket",
    "handshaking",
    "walking towards each other",
    "walking apart from each other",
)
# fmt: off
PEOPLE = {  # set-up -> the people recorded in it
    1: (1, 2, 3, 4, 5, 6, 7, 8),
    2: (3, 7, 8, 9, 10, 11, 12, 13, 14),
    3: (1, 2, 7, 8, 15, 16, 17, 18, 19),
    4: (3, 7, 8, 20),
    5: (4, 10, 13, 15, 16, 17, 18, 21),
    6: (1, 7, 8, 15, 16, 17, 19, 22, 23, 24),
    7: (1, 7, 8, 15, 16, 17, 18, 19, 25, 26, 27, 28),
    8: (1, 7, 8, 15, 19, 25, 29, 30, 31, 32, 33, 34, 35, 36),
    9: (7, 8, 15, 16, 17, 19, 25),
    10: (7, 8, 13, 15, 16, 17, 18, 19, 21, 25),
    11: (1, 2, 7, 8, 15, 16, 17, 18, 19, 25, 27, 28, 38),
    12: (7, 8, 15, 16, 17, 18, 19, 25, 27, 28, 37),
    13: (7, 8, 15, 16, 17, 18, 19, 25, 27, 28, 37),
    14: (7, 8, 15, 17, 19, 25, 27, 37, 39),
    15: (7, 8, 15, 16, 17, 19, 25, 37),
    16: (7, 8, 19, 21, 25, 39, 40),
    17: (3, 7, 8, 9, 15, 16, 17, 20),
}
# fmt: on
ACTIONS = range(1, 61)
TRAINING = frozenset((1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38))


def find(folder: Path) -> Listing:
    """The clips in a folder without those with missing skeletons; a ``UserError`` when there is none."""
    return find_ntu(folder, len(CLASSES), "Actions 61 to 120 belong to the data set ntu120.")


def across_views(tags: Tags) -> str | None:
    """Cameras 2 and 3 train, camera 1 is the test."""
    return {1: "test", 2: "train", 3: "train"}.get(int(tags["camera"]))


DATASET = Dataset(
    name="ntu60",
    title="NTU RGB+D",
    skeleton=NTU25,
    classes=CLASSES,
    find=find,
    read=partial(read_clip, classes=CLASSES),
    splits={"xsub": partial(across_subjects, TRAINING), "xview": across_views},
    expected=Expected(56_578, {"xsub": (40_091, 16_487), "xview": (37_646, 18_932)}),
    inventory=inventory_of(((PEOPLE, ACTIONS),), listed=302, digest="3ff503429ae912d9"),
)
