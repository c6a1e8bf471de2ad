"""Cleaning: from what a recorder wrote to what is learnt from; every step is a function Sequence -> Sequence.

Convention: missing is NaN, before and after. A step that cannot be done leaves the positions as they are and
says why in the provenance. Positions are turned by a rotation only, never mirrored.
"""

from skelact.sequences.cleaning.people import keep_people, keep_widest
from skelact.sequences.cleaning.place import move_to_centre, tilt_upright, turn_to_front
from skelact.sequences.cleaning.published import ntu_agcn
from skelact.sequences.cleaning.recipes import CLEANINGS, Cleaning, get_cleaning
from skelact.sequences.cleaning.size import METRES, to_metres, to_rest_bones, to_rest_size
from skelact.sequences.cleaning.time import fill_gaps, trim_ends

__all__ = [
    "CLEANINGS",
    "METRES",
    "Cleaning",
    "fill_gaps",
    "get_cleaning",
    "keep_people",
    "keep_widest",
    "move_to_centre",
    "ntu_agcn",
    "tilt_upright",
    "to_metres",
    "to_rest_bones",
    "to_rest_size",
    "trim_ends",
    "turn_to_front",
]
