"""``python -m skelact.cli``: the same as ``skelact``."""

from skelact.cli import main

main()
