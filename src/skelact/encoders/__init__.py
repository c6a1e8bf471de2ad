"""Encoders: batches in, features out."""

from skelact.encoders.encoder import Encoder, Features
from skelact.encoders.linear_map import LinearMapEncoder
from skelact.encoders.scdnet import SCDNetEncoder
from skelact.encoders.st_gcn import STGCNEncoder
from skelact.errors import unknown
from skelact.settings import EncoderSettings, add_choice
from skelact.skeletons import Skeleton

ENCODERS: dict[str, type[Encoder]] = {
    "scdnet": SCDNetEncoder,
    "st_gcn": STGCNEncoder,
    "linear_map": LinearMapEncoder,
}


def add_encoder(name: str, kind: type[Encoder]) -> None:
    """Put an encoder of one's own into the table, so that recipes can name it."""
    ENCODERS[name] = kind
    add_choice(EncoderSettings, kind.Settings)


def build_encoder(
    skeleton: Skeleton, persons: int, frames: int, coordinates: int, settings: EncoderSettings
) -> Encoder:
    """The encoder that the settings name.

    Args:
        skeleton: the joints of the clips.
        persons: M, people in a clip.
        frames: T, frames of a view.
        coordinates: C, 2 or 3.
        settings: those of the encoder; their name chooses it.

    Raises:
        UserError: an unknown name, or sizes that cannot be.
    """
    if settings.name not in ENCODERS:
        raise unknown("encoder", settings.name, ENCODERS)
    return ENCODERS[settings.name](skeleton, persons, frames, coordinates, settings)  # type: ignore[call-arg]


__all__ = [
    "ENCODERS",
    "Encoder",
    "Features",
    "LinearMapEncoder",
    "SCDNetEncoder",
    "STGCNEncoder",
    "add_encoder",
    "build_encoder",
]
