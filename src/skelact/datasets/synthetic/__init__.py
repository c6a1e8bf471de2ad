"""Movers: generated people who move, for trying things out and for tests."""

from skelact.datasets.synthetic.dataset import DATASET
from skelact.datasets.synthetic.generate import make_movers

__all__ = ["DATASET", "make_movers"]
