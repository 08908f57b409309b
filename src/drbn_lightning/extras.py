"""Packages that only some users need: installed as extras, imported when they are first used."""

import importlib
import importlib.util
import os
import sys
from types import ModuleType

from drbn_lightning.errors import DRBNError

WITHOUT = {"openvino": "openvino_telemetry"}
"""What a package must not find while it is imported. OpenVINO reports each import to an analytics service, unless the
package that does so is absent."""

SETTINGS = {"onnxruntime": {"ORT_DISABLE_TELEMETRY": "1"}}
"""Variables that a package must find when it is imported. ONNX Runtime too would report to an analytics service."""


def installed(package: str) -> bool:
    """Whether a package of an extra is there; it is not imported.

    Example:
        >>> installed("json"), installed("of_nobody")
        (True, False)
    """
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # an import of it is forbidden, by None in its place
        return False


def extra(package: str, name: str) -> ModuleType:
    """Import a package that belongs to an extra.

    Args:
        package: name of the module.
        name: the extra of this package that installs it.

    Raises:
        DRBNError: it is not installed, or does not work here; the message says how to install it.

    Example:
        >>> extra("json", "onnx").dumps([1])
        '[1]'
    """
    for variable, value in SETTINGS.get(package, {}).items():
        os.environ.setdefault(variable, value)
    barred = WITHOUT.get(package)
    absent = barred if barred not in sys.modules else None
    if absent is not None:
        sys.modules[absent] = None  # type: ignore[assignment] # an import of it now fails
    try:
        return importlib.import_module(package)
    except ImportError as error:
        how = f"pip install 'drbn-lightning[{name}]'"
        raise DRBNError(f"this needs the package {package}, which cannot be imported ({error}): {how}") from None
    finally:
        if absent is not None:
            del sys.modules[absent]
