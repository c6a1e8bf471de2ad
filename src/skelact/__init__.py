"""skelact learns what people do from how their skeletons move, without labels.

The names below are the public Python API; each is loaded when it is first asked for, so importing the package does
no work.

Example:
    >>> import skelact
    >>> sorted(set(skelact.__all__) & {"Model", "Store", "evaluate", "import_recordings", "pretrain", "read"})
    ['Model', 'Store', 'evaluate', 'import_recordings', 'pretrain', 'read']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skelact.encoders import add_encoder as add_encoder
    from skelact.evaluation.evaluate import evaluate as evaluate
    from skelact.importing.run import import_recordings as import_recordings
    from skelact.methods import add_method as add_method
    from skelact.models import Model as Model
    from skelact.readers import add_reader as add_reader
    from skelact.readers import read as read
    from skelact.readers import read_all as read_all
    from skelact.sequences import Sequence as Sequence
    from skelact.sequences.clips import Windows as Windows
    from skelact.sequences.store import Store as Store
    from skelact.sequences.store import StoreWriter as StoreWriter
    from skelact.settings import load_recipe as load_recipe
    from skelact.skeletons import Skeleton as Skeleton
    from skelact.skeletons import add_skeleton as add_skeleton
    from skelact.training import pretrain as pretrain

__version__ = "0.1.0"

_PLACES = {
    "Model": "models",
    "Sequence": "sequences",
    "Skeleton": "skeletons",
    "Store": "sequences.store",
    "StoreWriter": "sequences.store",
    "Windows": "sequences.clips",
    "add_encoder": "encoders",
    "add_method": "methods",
    "add_reader": "readers",
    "add_skeleton": "skeletons",
    "evaluate": "evaluation",
    "import_recordings": "importing.run",
    "load_recipe": "settings",
    "pretrain": "training",
    "read": "readers",
    "read_all": "readers",
}

__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> Any:
    """Load a public name from its room."""
    if name not in _PLACES:
        raise AttributeError(f"module 'skelact' has no attribute {name!r}")
    value = getattr(import_module(f"skelact.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
