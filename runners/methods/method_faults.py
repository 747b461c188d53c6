"""What would make a method fail on any model, found without one: a file, a plugin not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.faults import Refused
from specs.schema import PluginMethod, VectorFile, with_terms

if TYPE_CHECKING:
    from runners.methods.plugins import Plugins
    from specs.schema import Spec


def method_faults(method: Spec, plugins: Plugins) -> list[str]:
    """Return the faults of a method's vector file and plugin, its terms' included, a line each.

    Of a vector file the header is read, of a plugin the code, which is not run.
    """
    found = []
    for part in with_terms(method):
        try:
            _look(part, plugins)
        except Refused as refused:
            found += [f"method {part.name}: {fault}" for fault in refused.faults]
    return found


def _look(method: Spec, plugins: Plugins) -> None:
    """Refuse a method whose file or plugin is not there, or is none."""
    from runners.methods.vector_layout import layout

    if isinstance(method, VectorFile):
        layout(method, None, None)
    if isinstance(method, PluginMethod):
        plugins.find(method.plugin)
