"""Movers: a synthetic data set of people who move, for first steps and for tests."""

from skelact.datasets.synthetic.dataset import DATASET
from skelact.datasets.synthetic.generate import make_movers

__all__ = ["DATASET", "make_movers"]
