"""skelact learns what people do from how their skeletons move, without labels.

Importing the package does no work; import the room that you need, for example
``from skelact.sequences import Sequence``.
"""

__version__ = "0.1.0"
