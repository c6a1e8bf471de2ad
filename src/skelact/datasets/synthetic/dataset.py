"""Movers among the data sets: classes and splits; there is no folder to find clips in."""

from pathlib import Path

from skelact.datasets.dataset import Dataset, Listing, Tags
from skelact.datasets.synthetic.actions import ACTIONS
from skelact.errors import UserError
from skelact.sequences import Sequence
from skelact.skeletons import KINECT20

TEST_CAMERA = 3


def _no_folder(path: Path) -> UserError:
    return UserError(
        f"movers are generated, there is nothing to read from {path}. "
        "Leave the source out: skelact import --dataset movers"
    )


def find(folder: Path) -> Listing:
    """Refuses: movers have no folder."""
    raise _no_folder(folder)


def read_clip(path: Path) -> Sequence:
    """Refuses: movers have no files."""
    raise _no_folder(path)


def across_subjects(tags: Tags) -> str:
    """Odd subjects train, even ones test; both persons of a clip are of the same half."""
    return "train" if int(tags["subject"]) % 2 == 1 else "test"


def across_cameras(tags: Tags) -> str:
    """Camera 3 tests, the others train."""
    return "test" if int(tags["camera"]) == TEST_CAMERA else "train"


DATASET = Dataset(
    name="movers",
    title="Movers (generated)",
    skeleton=KINECT20,
    classes=tuple(action.name for action in ACTIONS),
    find=find,
    read=read_clip,
    splits={"xsub": across_subjects, "xview": across_cameras},
)
