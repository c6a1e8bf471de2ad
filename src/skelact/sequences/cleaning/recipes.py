"""Cleaning recipes: which steps are taken, in which order, under a name."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from skelact.errors import UserError, unknown
from skelact.sequences.cleaning.people import keep_people
from skelact.sequences.cleaning.place import move_to_centre, tilt_upright, turn_to_front
from skelact.sequences.cleaning.published import ntu_agcn
from skelact.sequences.cleaning.size import to_metres, to_rest_bones, to_rest_size
from skelact.sequences.cleaning.time import fill_gaps, trim_ends
from skelact.sequences.sequence import Sequence
from skelact.settings import from_dict, to_dict


@dataclass(frozen=True)
class Cleaning:
    """Which steps are taken, in this order; the defaults are the recipe "default".

    Args:
        persons: this many people are kept, those who move most first; 0: everyone, as recorded.
        trim: frames at both ends in which no person was observed are cut off.
        fill_seconds: gaps of a joint up to this long are filled.
        metres: positions in mm or cm become metres.
        scale: "body": everyone is made as large as the skeleton's rest pose; "bones": and every bone as long as
            its there, so that people differ only in how they move; "none".
        centre: "frame": the main person's centre joint is the origin in every frame; "first": that of the first
            frame is, so that the path through the room is kept; "none".
        upright: "clip" or "start": the scene is tilted so that the main person's trunk points up over the clip or
            at its start, as if the camera had looked horizontally; "none". Lying people would stand up.
        heading: "clip" or "start": the scene is turned about the vertical so that the main person's right side
            points along +x over the clip or at its start; "none".
    """

    persons: int = 2
    trim: bool = True
    fill_seconds: float = 0.5
    metres: bool = True
    scale: Literal["none", "body", "bones"] = "none"
    centre: Literal["none", "frame", "first"] = "frame"
    upright: Literal["none", "clip", "start"] = "none"
    heading: Literal["none", "clip", "start"] = "clip"

    def __call__(self, sequence: Sequence) -> Sequence:
        """The cleaned sequence.

        Raises:
            UserError: no joint was observed in any frame.
        """
        if not sequence.valid.any():
            raise UserError(f"sequence {sequence.name!r}: no joint is observed in any frame")
        if self.persons:
            sequence = keep_people(sequence, self.persons)
        if self.trim:
            sequence = trim_ends(sequence)
        if self.fill_seconds > 0:
            sequence = fill_gaps(sequence, self.fill_seconds)
        if self.metres:
            sequence = to_metres(sequence)
        if self.scale == "body":
            sequence = to_rest_size(sequence)
        elif self.scale == "bones":
            sequence = to_rest_bones(sequence)
        if self.centre != "none":
            sequence = move_to_centre(sequence, self.centre)
        if self.upright != "none":
            sequence = tilt_upright(sequence, self.upright)
        if self.heading != "none":
            sequence = turn_to_front(sequence, self.heading)
        return sequence


NOTHING = Cleaning(
    persons=0,
    trim=False,
    fill_seconds=0.0,
    metres=False,
    scale="none",
    centre="none",
    upright="none",
    heading="none",
)
CLEANINGS: Mapping[str, Callable[[Sequence], Sequence]] = {
    "default": Cleaning(),
    "none": NOTHING,
    "ntu-agcn": ntu_agcn,
}


def get_cleaning(text: str) -> Callable[[Sequence], Sequence]:
    """The recipe of this name, with some of its settings replaced where wanted.

    Example:
        >>> get_cleaning("none,scale=bones").scale
        'bones'

    Raises:
        UserError: an unknown recipe or setting; a value that cannot be.
    """
    name, *words = text.split(",")
    if name not in CLEANINGS:
        raise unknown("cleaning", name, CLEANINGS)
    recipe = CLEANINGS[name]
    if not words:
        return recipe
    if not isinstance(recipe, Cleaning):
        raise UserError(f"cleaning {name} has no settings, got {','.join(words)}")
    values = to_dict(recipe)
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"cleaning {text!r}: expected settings like scale=bones, got {word!r}")
        values[key] = _value(value)
    return from_dict(Cleaning, values, where=f"cleaning {text!r}")


def _value(text: str) -> str | int | float | bool:
    """A value as TOML has it; a bare word is text."""
    try:
        value: str | int | float | bool = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
    return value
