"""Plugins: Python of the user's own, which adds encoders, methods, readers or skeletons.

A plugin is run, as any program is. So only the user's own words load one: ``--plugin FILE``, ``load_plugin``, or a
package that the user installed with the entry point group ``skelact.plugins``. No store, model or recipe can.
"""

import sys
import traceback
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from skelact.errors import FileError, UserError

GROUP = "skelact.plugins"
PREFIX = "skelact_plugin_"


class LoadedPlugins(NamedTuple):
    """What has been loaded in this process: files, and modules of installed packages."""

    files: list[str]
    modules: list[str]


def load_plugin(path: Path | str) -> ModuleType:
    """Run a Python file that adds to skelact's tables; a file that was loaded before is not run again.

    The module is called ``skelact_plugin_`` and the name of the file; modules that lie beside the file are found.

    Raises:
        FileError: no such file, no Python, or an exception in it; the line of the file is named.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise FileError(path, "no such plugin. --plugin takes a Python file, such as --plugin my_method.py")
    name = PREFIX + file.stem
    before = sys.modules.get(name)
    if before is not None and before.__file__ == str(file):
        return before
    if before is not None:
        raise FileError(path, f"a plugin of this name is loaded already: {before.__file__}. Rename one of them")
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise FileError(path, "a plugin is a Python file, with a name that ends in .py")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses of the plugin look for their module there
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _at_its_line(file, error) from error
    finally:
        sys.path.remove(str(file.parent))
    return module


def load_installed_plugins() -> list[str]:
    """Load what installed packages offer under the entry point group ``skelact.plugins``; gives their names.

    Raises:
        UserError: one of them fails; the package is named.
    """
    return [_load(point) for point in entry_points(group=GROUP)]


def loaded_plugins() -> LoadedPlugins:
    """What this process has loaded, for processes that it starts."""
    files = [str(module.__file__) for name, module in sys.modules.items() if name.startswith(PREFIX)]
    return LoadedPlugins(files, [one.module for one in entry_points(group=GROUP) if one.module in sys.modules])


def load_again(plugins: LoadedPlugins) -> None:
    """Load in this process what another has loaded."""
    for module in plugins.modules:
        import_module(module)
    for file in plugins.files:
        load_plugin(file)


def _load(point: EntryPoint) -> str:
    try:
        point.load()
    except Exception as error:
        package = point.dist.name if point.dist is not None else point.value
        raise UserError(
            f"plugin {point.name} of the installed package {package} cannot be loaded: {_last(error)}. "
            f"Mend it, or remove it: pip uninstall {package}"
        ) from error
    return point.name


def _at_its_line(file: Path, error: Exception) -> FileError:
    """The exception, at the line of the plugin where it came from."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return FileError(file, f"this plugin is not Python: {error.msg}", error.lineno)
    own = [step.lineno for step in traceback.extract_tb(error.__traceback__) if step.filename == str(file)]
    return FileError(file, f"this plugin fails: {_last(error)}", own[-1] if own else None)


def _last(error: Exception) -> str:
    """The last line of a traceback."""
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
