"""The table of protocols."""

from skelact.evaluation.protocols.few_shot import FEW_SHOT
from skelact.evaluation.protocols.finetune import FINETUNE, SEMI_FINETUNE
from skelact.evaluation.protocols.knn import KNN
from skelact.evaluation.protocols.linear import LINEAR
from skelact.evaluation.protocols.protocol import Protocol
from skelact.evaluation.protocols.robust import ROBUST
from skelact.evaluation.protocols.semi import SEMI

# In the order in which they are explained; the keys of their entries start with their name.
PROTOCOLS: dict[str, Protocol] = {
    "linear": LINEAR,
    "knn": KNN,
    "finetune": FINETUNE,
    "semi": SEMI,
    "semi-finetune": SEMI_FINETUNE,
    "few-shot": FEW_SHOT,
    "robust": ROBUST,
}


def protocol_of(entry: str) -> Protocol:
    """The protocol that an entry, such as ``semi/10``, is one of."""
    return PROTOCOLS[entry.partition("/")[0]]
