"""Encoders: batches in, features out."""

from skelact.encoders.encoder import Encoder
from skelact.encoders.scdnet import SCDNetEncoder
from skelact.errors import unknown
from skelact.settings import EncoderSettings
from skelact.skeletons import Skeleton

ENCODERS = {"scdnet": SCDNetEncoder}


def build_encoder(
    skeleton: Skeleton, persons: int, frames: int, coordinates: int, settings: EncoderSettings
) -> SCDNetEncoder:
    """The encoder that the settings name; an unknown name is a ``UserError``."""
    if settings.name not in ENCODERS:
        raise unknown("encoder", settings.name, ENCODERS)
    return ENCODERS[settings.name](skeleton, persons, frames, coordinates, settings)


__all__ = ["ENCODERS", "Encoder", "SCDNetEncoder", "build_encoder"]
