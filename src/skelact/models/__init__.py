"""Models: what a user keeps of a training, and what it is put to work for."""

from skelact.models.model import Model

__all__ = ["Model"]
