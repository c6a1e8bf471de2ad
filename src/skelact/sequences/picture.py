"""Pictures of sequences: a strip of poses, a film, one pose on given axes.

Convention: people are seen as their camera saw them, or from the front: up is up, and the right side of
a person who faces us is on our left. Left limbs are dark blue, right limbs are orange, trunk and head are grey:
these differ for colour-blind eyes and in black and white. The second person is drawn with open joints.
"""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.sequences.sequence import Sequence
from skelact.skeletons import Skeleton

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"left": "#0072B2", "right": "#E69F00", "": "#4D4D4D"}
_AXIS = {"x": np.array([1.0, 0.0, 0.0]), "y": np.array([0.0, 1.0, 0.0]), "z": np.array([0.0, 0.0, 1.0])}
# A GIF counts time in hundredths of a second, and browsers slow down what is faster than 50 pictures a second.
_FASTEST = 35.0
# A strip, in inches: from the lowest to the highest joint, a letter and a line of the captions, the title.
_TALL, _POINTS = 1.9, 8
_LETTER, _LINE, _TITLE = 0.6 * _POINTS / 72, 1.25 * _POINTS / 72, 0.3
_SHARPER = 2  # films are drawn larger by this factor and then shrunk, which smooths the lines


def draw_pose(axes: "Axes", positions_MVC: NDArray[np.floating], skeleton: Skeleton, up: str = "") -> None:
    """Draw the people of one frame.

    Args:
        axes: where to draw; their limits grow to hold the pose.
        positions_MVC: (M, V, C), C = 2 or 3, NaN where not observed.
        skeleton: of the recording.
        up: axis that points up, such as "+y"; the skeleton's when empty.
    """
    _draw(axes, on_paper(positions_MVC, up or skeleton.up), skeleton)
    axes.set_aspect("equal")
    axes.set_axis_off()


def poses(sequence: Sequence, count: int = 6) -> "Figure":
    """A strip of poses at evenly spaced frames, the first and the last among them, with the labels of segments.

    Args:
        sequence: 2D or 3D.
        count: number of poses, at least 1; fewer are drawn when there are not so many frames.

    Raises:
        UserError: a count below 1, or no joint was observed in any frame.
    """
    from matplotlib.figure import Figure

    if count < 1:
        raise UserError(f"poses: count is {count}, expected 1 or more")
    paper = _measured(sequence)
    chosen = np.unique(np.linspace(0, sequence.frames - 1, count).round().astype(int))
    low, high = np.nanmin(paper[..., 1]), np.nanmax(paper[..., 1])
    space, inch = 0.15 * (high - low), (high - low) / _TALL
    captions = [_caption(sequence, frame) for frame in chosen]
    edge = 0.0
    figure = Figure(layout="constrained")
    axes = figure.add_subplot()
    for frame, caption in zip(chosen, captions, strict=True):
        shown = paper[frame]
        left, right = _extent(shown, max(space, inch * _LETTER * max(map(len, caption))))
        _draw(axes, shown + np.array([edge - left, 0.0]), sequence.skeleton)
        middle = edge + (right - left) / 2
        axes.text(middle, low - space, "\n".join(caption), ha="center", va="top", fontsize=_POINTS)
        edge += right - left + space
        if frame != chosen[-1]:
            axes.plot([edge, edge], [low, high], color="#DDDDDD", linewidth=0.8, zorder=1)
            edge += space
    bottom = low - space - inch * _LINE * max(map(len, captions))
    axes.set_xlim(-space, edge)
    axes.set_ylim(bottom, high + space / 2)
    axes.set_aspect("equal")
    axes.set_axis_off()
    title = ": ".join(part for part in (sequence.name, sequence.label) if part)
    axes.set_title(title, fontsize=10)
    wide, tall = (edge + space) / inch, (high + space / 2 - bottom) / inch + _TITLE
    figure.set_size_inches(float(np.clip(wide, 2.0, 16.0)), float(tall))
    return figure


def _caption(sequence: Sequence, frame: int) -> list[str]:
    """Time and labels of a frame, line by line."""
    seen = [one.label for one in sequence.segments if one.start <= frame < one.end]
    return [f"{frame / sequence.fps:.1f} s", *(line for label in seen for line in textwrap.wrap(label, 16))]


def film(sequence: Sequence, path: Path, height: int = 320) -> None:
    """Write the sequence as an animated GIF that runs in real time.

    Args:
        sequence: 2D or 3D.
        path: the file to write, ending in .gif.
        height: of the picture, pixels.

    Raises:
        UserError: another ending, or no joint was observed in any frame.
    """
    if path.suffix.lower() != ".gif":
        raise UserError(f"an animation is a .gif file, got {path}")
    pixels, size = _pixels(_measured(sequence), height)
    step = int(np.ceil(sequence.fps / _FASTEST))
    images = [_image(pixels[frame], sequence.skeleton, size) for frame in range(0, sequence.frames, step)]
    images[0].save(
        path,
        save_all=True,
        append_images=images[1:],
        duration=max(20, round(100 * step / sequence.fps) * 10),
        loop=0,
    )


def on_paper(positions: NDArray[np.floating], up: str) -> NDArray[np.float64]:
    """Places on paper, to the right and up.

    Args:
        positions: (..., C), C = 2 or 3.
        up: axis that points up, one of "+x", "-x", ... "-z".

    Returns:
        (..., 2) in the unit of the positions.
    """
    vertical = _AXIS[up[1]] * (1.0 if up[0] == "+" else -1.0)
    if positions.shape[-1] == 2:  # an image: its x already runs to the right
        to_right = _AXIS["x"]
    else:  # a camera looks along +z; where z is up, people face +y
        to_right = np.cross(-_AXIS["y"] if up[1] == "z" else _AXIS["z"], vertical)
    paper: NDArray[np.float64] = positions @ np.stack([to_right, vertical], axis=1)[: positions.shape[-1]]
    return paper


def _measured(sequence: Sequence) -> NDArray[np.float64]:
    if not sequence.valid.any():
        raise UserError(f"sequence {sequence.name!r} has no observed joint, there is nothing to draw")
    return on_paper(sequence.positions.astype(np.float64), sequence.up)


def _extent(shown: NDArray[np.float64], least: float) -> tuple[float, float]:
    """Left and right end of a pose, at least so far apart."""
    across = shown[..., 0][~np.isnan(shown[..., 0])]
    if len(across) == 0:  # no person in this frame
        return -least / 2, least / 2
    left, right = float(across.min()), float(across.max())
    more = max(least - (right - left), 0.0) / 2
    return left - more, right + more


def _side(joint: str) -> str:
    side = joint.partition("_")[0]
    return side if side in COLOURS else ""


def _draw(axes: "Axes", paper_MVC: NDArray[np.float64], skeleton: Skeleton) -> None:
    for person, places in enumerate(paper_MVC):
        width = 2.0 if person == 0 else 1.2
        for side, colour in COLOURS.items():
            ends = [pair for pair in skeleton.bones if _side(skeleton.joints[pair[0]]) == side]
            own = [j for j, joint in enumerate(skeleton.joints) if _side(joint) == side]
            # A row of NaN after each bone lifts the pen.
            lines = np.full((len(ends), 3, 2), np.nan)
            lines[:, :2] = places[np.array(ends, dtype=int).reshape(-1, 2)]
            x, y = lines.reshape(-1, 2).T
            axes.plot(x, y, color=colour, linewidth=width, solid_capstyle="round", zorder=2)
            _dot(axes, places[own], colour, 3.2, person)
        if "head" in skeleton.joints:
            _dot(axes, places[[skeleton.index("head")]], COLOURS[""], 7.0, person)


def _dot(axes: "Axes", places: NDArray[np.float64], colour: str, size: float, person: int) -> None:
    axes.plot(
        *places.T,
        linestyle="none",
        marker="o",
        markersize=size,
        color=colour,
        markerfacecolor=colour if person == 0 else "white",
        markeredgewidth=0.9,
        zorder=3,
    )


def _pixels(paper: NDArray[np.float64], height: int) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Places in pixels of the large picture, to the right and down, and its (width, height)."""
    low, high = np.nanmin(paper, axis=(0, 1, 2)), np.nanmax(paper, axis=(0, 1, 2))
    tall = _SHARPER * height
    margin = 0.08 * tall
    span = np.maximum(high - low, 1e-9)
    # A person who lies down is wide: the picture never becomes wider than three times its height.
    scale = min((tall - 2 * margin) / span[1], (3 * tall - 2 * margin) / span[0])
    wide = int(np.ceil(scale * span[0] + 2 * margin))
    pixels = (paper - low) * scale + margin
    pixels[..., 1] = tall - pixels[..., 1]
    return pixels, (wide, tall)


def _image(pixels_MVC: NDArray[np.float64], skeleton: Skeleton, size: tuple[int, int]) -> Any:
    from PIL import Image, ImageDraw

    large = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(large)
    unit = size[1] / 300
    for person, places in enumerate(pixels_MVC):
        there = ~np.isnan(places[:, 0])
        for child, parent in skeleton.bones:
            if there[child] and there[parent]:
                ends = [tuple(places[parent]), tuple(places[child])]
                pen.line(ends, COLOURS[_side(skeleton.joints[child])], round((3 if person == 0 else 2) * unit))
        for joint in np.flatnonzero(there):
            name = skeleton.joints[joint]
            colour = COLOURS[_side(name)]
            radius = (7 if name == "head" else 3) * unit
            fill = colour if person == 0 else "white"
            pen.circle(tuple(places[joint]), radius, fill=fill, outline=colour, width=round(unit))
    small = large.resize((max(1, size[0] // _SHARPER), size[1] // _SHARPER), Image.Resampling.LANCZOS)
    return small.quantize(colors=64, method=Image.Quantize.FASTOCTREE)
