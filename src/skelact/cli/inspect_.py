"""``skelact inspect``: what is in a store or a recording."""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from skelact.cli.plugins import PluginFiles, load_plugins
from skelact.errors import UserError

if TYPE_CHECKING:
    from skelact.datasets import Check
    from skelact.sequences import Sequence
    from skelact.sequences.store import Store
    from skelact.sequences.summary import Summary

STRIPS = (".png", ".svg", ".pdf")


def run(
    path: Path,
    *,
    picture: Path | None = None,
    clip: str = "",
    format: str = "",
    option: tuple[str, ...] = (),
    clean: str = "none",
    plugin: PluginFiles = (),
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Show what is in a store or a recording, check that it is undamaged, and draw it.

    Args:
        path: a store, or a file or folder with one recording.
        picture: draw a sequence to this file: .gif is an animation, .png .svg .pdf a strip of poses.
        clip: which sequence of a store to describe and draw: its name or row; default: draw the first.
        format: format of a file, where its name and content do not show it.
        option: what the format needs to know, such as --option axes=CTVM; can be repeated.
        clean: cleaning recipe for a file: default, none or ntu-agcn.
        plugin: Python file of your own that adds encoders, methods, readers or skeletons; can be repeated.
        as_json: print JSON.
    """
    load_plugins(plugin)
    if not path.exists():
        raise UserError(f"{path} not found")
    if picture is not None and picture.suffix.lower() not in (".gif", *STRIPS):
        raise UserError(f"--picture {picture}: expected a name that ends in .gif, {', '.join(STRIPS)}")
    check = None
    if path.is_dir() and not _is_recording(path):
        if format or option or clean != "none":
            raise UserError("--format, --option and --clean are for files; a store was read and cleaned already")
        sequence, summary = _in_store(path, clip, picture is not None)
        check = None if clip else _compared(path)
    elif clip:
        raise UserError(f"--clip {clip}: {path} is one recording, not a store")
    else:
        sequence, summary = _in_file(path, format, option, clean)
    if picture is not None and sequence is not None:
        _draw(sequence, picture)
    if as_json:
        about = {} if check is None else {"check": check.text, "compared": dict(check.details)}
        print(json.dumps({**summary.to_dict(), **about}, indent=1))
    else:
        _print(path, summary, check)


def _is_recording(folder: Path) -> bool:
    """Whether the files of a folder are the frames of one recording."""
    from skelact.readers import find_units

    return not (folder / "store.json").exists() and any(
        unit.path == folder for unit, _ in find_units(folder).units
    )


def _in_store(path: Path, clip: str, drawn: bool) -> tuple["Sequence | None", "Summary"]:
    """The sequence that is wanted, if one is, and what to say: of it, or of the whole store."""
    from skelact.cli.progress import progress_bar
    from skelact.sequences.store import Store
    from skelact.sequences.summary import summarise_sequence, summarise_store

    store = Store(path)
    if clip:
        sequence = store.sequence(_row(store, clip))
        return sequence, summarise_sequence(sequence)
    store.verify()
    with progress_bar("inspect", "sequences") as progress:
        summary = summarise_store(store, progress)
    return (store.sequence(0) if drawn else None), summary


def _compared(path: Path) -> "Check | None":
    """The store against the published counts and clips of its data set."""
    from skelact.importing.inventory import check_store
    from skelact.sequences.store import Store

    return check_store(Store(path))


def _in_file(path: Path, format: str, option: tuple[str, ...], clean: str) -> tuple["Sequence", "Summary"]:
    from skelact.cli.import_ import parse_options
    from skelact.readers import read
    from skelact.sequences.cleaning import get_cleaning
    from skelact.sequences.summary import summarise_sequence

    sequence = get_cleaning(clean)(read(path, format or None, **parse_options(option)))
    return sequence, summarise_sequence(sequence)


def _row(store: "Store", clip: str) -> int:
    """Row of a sequence by name or number."""
    names = store.columns["name"].tolist()
    if clip in names:
        return int(names.index(clip))
    if clip.isdigit() and int(clip) < len(store):
        return int(clip)
    near = get_close_matches(clip, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the first is called {names[0]}."
    raise UserError(
        f"--clip {clip}: no such sequence; {hint} The store has {len(store)}, rows 0 to {len(store) - 1}"
    )


def _draw(sequence: "Sequence", path: Path) -> None:
    from skelact.sequences.picture import film, poses

    if path.suffix.lower() == ".gif":
        film(sequence, path)
    else:
        poses(sequence).savefig(path, dpi=150)


def _print(path: Path, summary: "Summary", check: "Check | None") -> None:
    from rich.console import Console
    from rich.table import Table

    values = summary.values
    console = Console(soft_wrap=True, highlight=False)
    table = Table(show_header=False, box=None, title=str(path), title_justify="left", pad_edge=False)
    for key, text in _lines(values):
        table.add_row(key, text)
    console.print(table)
    for what, counted in (("labels", "sequences"), ("segments", "segments")):
        if sum(values[what].values()):
            counts = Table("label", counted, box=None, pad_edge=False)
            for label, count in values[what].items():
                counts.add_row(label, f"{count:,}")
            console.print(counts)
    if check is not None:
        console.print(check.text, markup=False)
    for finding in summary.findings:
        console.print(f"looks wrong: {finding.text}", markup=False)
    if not summary.findings:
        console.print("nothing looks wrong")


def _lines(values: dict[str, Any]) -> list[tuple[str, str]]:
    length = values["frames_per_sequence"]
    lines = [
        ("sequences", f"{values['sequences']:,}"),
        ("frames", f"{values['frames']:,} ({length['min']} to {length['max']}, median {length['median']:g})"),
        ("time", f"{values['seconds']:,.1f} s at {values['fps']:g} Hz"),
        (
            "skeleton",
            f"{values['skeleton']}, {values['coordinates']} coordinates, {values['unit']}, {values['up']} up",
        ),
        ("persons", f"up to {values['persons']}"),
        ("missing", f"{100 * values['missing']:.2f} % of the joints"),
    ]
    if "preprocessing" in values.get("settings", {}):
        lines.append(("preprocessing", values["settings"]["preprocessing"]))
    for split, parts in values["splits"].items():
        lines.append((f"split {split}", ", ".join(f"{part} {count:,}" for part, count in parts.items())))
    lines.append(("fingerprint", values["fingerprint"]))
    return lines
