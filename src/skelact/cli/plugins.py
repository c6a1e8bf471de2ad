"""``--plugin``: the option, and what it does before a command reads its settings."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from skelact.runtime.plugins import load_installed_plugins, load_plugin

PluginFiles = Annotated[tuple[Path, ...], Parameter(name="--plugin", negative=())]


def load_plugins(files: tuple[Path, ...]) -> None:
    """Load what is installed as a plugin, and the files that the user names.

    Raises:
        UserError: a file that is not there, or one that fails.
    """
    load_installed_plugins()
    for file in files:
        load_plugin(file)
