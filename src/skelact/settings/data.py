"""Settings of the clips that are learnt from and of how views differ from them."""

from dataclasses import dataclass
from typing import Literal

from skelact.settings.schema import setting

Stream = Literal["joint", "bone", "motion"]


@dataclass(frozen=True)
class DataSettings:
    """Which clips are learnt from and how they are cut."""

    store: str = setting("", "folder of the store; filled in when a run starts")
    fingerprint: str = setting("", "of the store's content; filled in when a run starts")
    feeds: tuple[str, ...] = setting(
        (), "further clips of methods with several feeds; filled in when a run starts"
    )
    split: str = setting("", "named split of the store; its training part is used; empty: every clip")
    hold_out: str = setting("", 'such as "camera=2": these clips of the training part become the test part')
    frames: int = setting(64, "frames of a view, after crop and resize", low=1, high=1_000_000)
    persons: int = setting(
        0, "people in a clip; 0: as many as the fullest clip of the store has", low=0, high=1000
    )
    stream: Stream = setting("joint", "what the encoder sees of a clip: positions, bones or motion")


@dataclass(frozen=True)
class ViewSettings:
    """How views differ from their clip. Source: SCD-Net, sec. "Implementation details"."""

    min_crop: float = setting(0.1, "shortest temporal crop, share of the clip", above=0, high=1)
    min_frames: int = setting(64, "but at least this many frames", low=1)
    probability: float = setting(0.5, "of each augmentation below", low=0, high=1)
    rotate_degrees: float = setting(30.0, "largest angle about the main axis", low=0, high=360)
    tilt_degrees: float = setting(1.0, "largest angle about the two other axes", low=0, high=360)
    upright: bool = setting(False, "the main axis is always the vertical one")
    mirror: bool = setting(True, "exchange left and right joints")
    shear: float = setting(1.0, "largest off-diagonal of the shear matrix", low=0)
    noise: float = setting(0.0, "largest deviation of normal noise, in the store's unit; not in the paper", low=0)
    seed_joints: float = setting(0.2, "spatial mask: share of joints drawn as seeds (5 of 25)", low=0, high=1)
    hidden_joints: float = setting(0.32, "spatial mask: share of joints hidden (8 of 25)", low=0, high=1)
    block_frames: int = setting(4, "temporal mask: frames in a block", low=1)
    hidden_blocks: float = setting(0.375, "temporal mask: share of blocks hidden (6 of 16)", low=0, high=1)
