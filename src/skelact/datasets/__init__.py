"""Datasets: which files of a benchmark are clips, their labels, official splits and published counts."""

from skelact.datasets import ntu60, ntu120, nw_ucla, pku_mmd, sbu, synthetic, utd_mhad
from skelact.datasets.dataset import Check, Dataset, Expected, LeftOut, Listing
from skelact.errors import unknown

DATASETS = {
    dataset.name: dataset
    for dataset in (
        ntu60.DATASET,
        ntu120.DATASET,
        pku_mmd.PKU_MMD_1,
        pku_mmd.PKU_MMD_2,
        nw_ucla.DATASET,
        utd_mhad.DATASET,
        sbu.DATASET,
        synthetic.DATASET,
    )
}


def get_dataset(name: str) -> Dataset:
    """The benchmark of this name; a ``UserError`` lists the known ones otherwise."""
    if name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    return DATASETS[name]


__all__ = ["DATASETS", "Check", "Dataset", "Expected", "LeftOut", "Listing", "get_dataset"]
