"""Absent people are computed once.

The zeros of an absent person are the same in every clip. So one row stands for all clips in which a place is
empty, weighted by their number. Results are the same; they are only computed less often.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from skelact.batches.batch import send_small


@dataclass(frozen=True)
class PersonRows:
    """Which people of N clips are computed: everyone who is present, and one absent person for each empty place.

    Args:
        rows: (P,) int64, their numbers among all N * M people.
        row_of: (N * M,) int64, which of the P rows each person has.
        counts: (P,) float, how many people each row stands for.
    """

    rows: Tensor
    row_of: Tensor
    counts: Tensor


def person_rows(present: Tensor, device: torch.device, dtype: torch.dtype) -> PersonRows | None:
    """Which people are computed; None when everyone is present.

    Args:
        present: (N, M) bool on the CPU, where all of it is worked out, so that no GPU is waited for.
        device: where the result is needed.
        dtype: of the counts.
    """
    if present.all():
        return None
    clips, persons = present.shape
    number = torch.arange(clips * persons).view(clips, persons)
    absent = clips * persons + torch.arange(persons)  # one number for each place
    _, row_of, counts = torch.unique(
        torch.where(present, number, absent).flatten(), return_inverse=True, return_counts=True
    )
    rows = torch.empty_like(counts).scatter_(0, row_of, number.flatten())
    sent = send_small(torch.cat([rows, counts, row_of]), device)
    computed = len(rows)
    return PersonRows(sent[:computed], sent[2 * computed :], sent[computed : 2 * computed].to(dtype))


def for_everyone(x: Tensor, people: PersonRows | None) -> Tensor:
    """(P, ...) of the rows that were computed -> (N * M, ...) of all people."""
    # index_select and not an index: its gradient is summed in a fixed order, on several threads too
    return x if people is None else x.index_select(0, people.row_of)
