"""``skelact import``: recordings -> store."""

import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from skelact.cli.plugins import PluginFiles, load_plugins
from skelact.errors import UserError

if TYPE_CHECKING:
    from skelact.importing.run import ImportReport

SHOWN = 20  # left-out files that are listed; --json has all


def run(
    source: Path | None = None,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    dataset: str = "",
    clean: str = "",
    format: str = "",
    option: tuple[str, ...] = (),
    skeleton: str = "",
    label_from: str = "none",
    missing: Path | None = None,
    clips: int = 2000,
    seed: int = 0,
    processes: int = 0,
    overwrite: bool = False,
    float16: bool = False,
    untrimmed: bool = False,
    plugin: PluginFiles = (),
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Read recordings, clean them and write them to a store.

    Files that cannot be read are left out and named with the reason; the exit status is then 3. For a known data
    set the report says whether it is complete, or which clips are absent. After an interruption the same command
    continues where it stopped.

    Args:
        source: a file, or a folder of files; not for generated data sets.
        out: folder of the store.
        dataset: the data set of the files, such as nw-ucla; default: any readable files.
            movers are generated and need no source.
        clean: cleaning recipe: default, none or ntu-agcn; settings may follow: default,scale=bones,persons=1.
            Default: default, and none for preprocessed arrays.
        format: format of the files, where names and contents do not show it; or agcn, ctr-gcn or aimclr:
            preprocessed arrays.
        option: what the format needs to know, such as --option axes=CTVM --option fps=30; can be repeated.
        skeleton: of the joints, if the format does not define it: a name, or a TOML file that describes yours.
        label_from: "folder" (a file's folder names the action) or a CSV file with columns name and label.
        missing: text file that names clips to leave out, one a line, such as the list of missing skeletons that
            comes with NTU RGB+D; a list in the folder itself is found.
        clips: how many clips to generate.
        seed: of the generated clips.
        processes: number of reading processes; 0: one for each core.
        overwrite: replace an existing store.
        float16: half the size; within 2 m of the centre off by less than 0.5 mm.
        untrimmed: keep long recordings whole, with their labelled segments; default: one clip for each segment.
        plugin: Python file of your own that adds encoders, methods, readers or skeletons; can be repeated.
        as_json: print the report as JSON.
    """
    from skelact.cli.progress import progress_bar
    from skelact.importing.run import import_recordings

    load_plugins(plugin)
    try:
        with progress_bar("import", "files") as progress:
            report = import_recordings(
                source,
                out,
                dataset=dataset,
                format=format or None,
                options=parse_options(option) | ({"skeleton": skeleton} if skeleton else {}),
                clean=clean,
                label_from=label_from,
                missing=missing,
                clips=clips,
                seed=seed,
                processes=processes,
                overwrite=overwrite,
                half=float16,
                untrimmed=untrimmed,
                progress=progress,
            )
    except KeyboardInterrupt:
        if (out / "store.json").is_file():
            print(f"{out} keeps what was imported; the same command continues from there", file=sys.stderr)
        raise
    if as_json:
        _print_json(report)
    else:
        _print(report)
    return 3 if any(one.kind != "listed" for one in report.left_out) else 0


def parse_options(words: tuple[str, ...]) -> dict[str, Any]:
    """Values of ``key=value`` words as in TOML; a value that is none is text."""
    options: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise UserError(f"--option {word}: expected key=value, such as fps=30")
        try:
            options[key] = tomllib.loads(f"x = {text}")["x"]
        except tomllib.TOMLDecodeError:
            options[key] = text
    return options


def _print(report: "ImportReport") -> None:
    print(f"{report.store}: {report.imported} sequences")
    seen = {label or "(none)": count for label, count in report.labels.items() if count}
    print("labels: " + ", ".join(f"{label} {count}" for label, count in seen.items()))
    for split, parts in report.splits.items():
        print(f"split {split}: " + ", ".join(f"{part} {count}" for part, count in parts.items()))
    if report.check:
        print(report.check.text)
    for caveat in report.caveats:
        print(caveat)
    others = [one for one in report.left_out if one.kind != "listed"]
    if len(others) < len(report.left_out):
        print(f"left out as the list of missing clips says: {len(report.left_out) - len(others)} files")
    if others:
        files = len({one.path for one in others})
        several = f"{len(others)} parts of " if len(others) > files else ""
        print(f"left out: {several}{files} files", file=sys.stderr)
        for left_out in others[:SHOWN]:
            print(f"  {left_out.path}: {left_out.reason}", file=sys.stderr)
        if len(others) > SHOWN:
            print(f"  and {len(others) - SHOWN} more; --json names all", file=sys.stderr)


def _print_json(report: "ImportReport") -> None:
    values = {
        "store": str(report.store),
        "imported": report.imported,
        "left_out": [{"path": str(one.path), "reason": one.reason} for one in report.left_out],
        "labels": dict(report.labels),
        "splits": {split: dict(parts) for split, parts in report.splits.items()},
        "complete": report.check.complete if report.check else None,
        "check": report.check.text if report.check else "",
        "compared": dict(report.check.details) if report.check else {},
        "caveats": list(report.caveats),
    }
    print(json.dumps(values, indent=1))
