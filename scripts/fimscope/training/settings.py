"""The settings of a training: those of config/training.yaml, with what differs in their place."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fimscope.errors import UserError


def read_settings(path: Path, changes: str) -> dict[str, Any]:
    """The settings of a file, with those of a JSON object in their place.

    raises   UserError where `changes` is no such object, names what is no setting, or has a value
             of another kind
    """
    import yaml

    try:
        differing = json.loads(changes)
    except ValueError as error:
        raise UserError(f"--changes {changes!r}: expected a JSON object ({error})") from None
    return _changed(yaml.safe_load(path.read_text(encoding="utf-8")), differing, "--changes")


def _changed(old: Any, new: Any, place: str) -> Any:
    if type(new) is not type(old):
        kind = "a mapping" if isinstance(old, Mapping) else f"like {old!r}"
        raise UserError(f"{place}: {new!r} is none that fits; expected {kind}")
    if not isinstance(old, Mapping):
        return new
    for key in new:
        if key not in old:
            raise UserError(f"{place}: {key!r} is no setting; expected some of {list(old)}")
    return old | {key: _changed(old[key], value, f"{place}: {key}") for key, value in new.items()}
