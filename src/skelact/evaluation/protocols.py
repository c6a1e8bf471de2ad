"""The table of protocols."""

from skelact.evaluation.few_shot import FEW_SHOT
from skelact.evaluation.knn import KNN
from skelact.evaluation.linear import LINEAR
from skelact.evaluation.protocol import Protocol
from skelact.evaluation.semi import SEMI

# In the order in which they are shown; the keys of their entries start with their name.
PROTOCOLS: dict[str, Protocol] = {
    "linear": LINEAR,
    "knn": KNN,
    "semi": SEMI,
    "few-shot": FEW_SHOT,
}


def protocol_of(entry: str) -> Protocol:
    """The protocol that an entry, such as ``semi/10``, is one of."""
    return PROTOCOLS[entry.partition("/")[0]]
