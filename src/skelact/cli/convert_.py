"""``skelact convert``: trained weights from elsewhere -> a model folder."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from skelact.errors import UserError, unknown


def run(
    checkpoint: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    skeleton: str = "ntu25",
    stream: Literal["joint", "bone", "motion"] = "joint",
    clean: str = "ntu-agcn",
    preprocessing: str = "",
    heads: int = 8,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Convert a checkpoint of the official SCD-Net code (.pth.tar) to a model folder.

    Every name and shape in it must match; all that is missing or left over is listed. No code in the file is run.
    Sizes are read from the weights; options give what the weights do not show.

    Args:
        checkpoint: the file.
        out: the model folder, which evaluate accepts in place of a run.
        skeleton: the skeleton that it was trained on.
        stream: the stream that it was trained on.
        clean: cleaning of the recordings that it was trained on, as for import: stores cleaned in another way
            are refused.
        preprocessing: of the arrays that it was trained on, as their store records it.
        heads: of its transformer.
        as_json: print the result as JSON.
    """
    from skelact.importing.run import described
    from skelact.models.official_scdnet.convert import convert_official
    from skelact.skeletons import SKELETONS

    if skeleton not in SKELETONS:
        raise unknown("skeleton", skeleton, SKELETONS)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is not empty. Choose another folder with -o")
    cleaning = described(clean) | ({"preprocessing": preprocessing} if preprocessing else {})
    model = convert_official(checkpoint, SKELETONS[skeleton], cleaning, stream, heads)
    model.save(out)
    source, encoder = model.info["source"], model.encoder
    if as_json:
        print(json.dumps({"model": str(out), "dim": model.dim, **model.info}))
        return 0
    people = "1 person" if encoder.persons == 1 else f"{encoder.persons} people"
    print(
        f"{out}: SCD-Net, {skeleton}, {stream} stream, {people}, {encoder.frames} frames, "
        f"features {model.dim} wide"
    )
    epoch = "no epoch in it" if source["epoch"] is None else f"epoch {source['epoch']}"
    ignored = f"; not used: {', '.join(source['ignored'])}" if source["ignored"] else ""
    print(f"from {source['file']}, {epoch}, sha256 {source['sha256']}{ignored}")
    return 0
