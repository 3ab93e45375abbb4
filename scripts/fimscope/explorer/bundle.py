"""The page's own modules as one plain script: a module may not be loaded from the disk.

No bundler is needed, as the modules keep to two forms, which are checked: `import { a, b } from
"./other.mjs";` and `export` in front of a function, class or const. They share one block scope, in
which the engine refuses a name that two of them declare.
"""

import re
from pathlib import Path

from fimscope.errors import UserError

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z_]+)\.mjs";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) )", re.MULTILINE)
_LEFT = re.compile(r"^\s*(?:import|export)\b.*", re.MULTILINE)


def bundle(folder: Path, entry: str) -> str:
    """The module `entry` and all that it imports, each behind those that it imports itself.

    raises UserError for an import or export of another form, a cycle, or a missing file
    """
    ordered: list[str] = []
    _visit(folder, entry, (), ordered)
    texts = [_plain(folder, name) for name in ordered]
    return '"use strict";\n{\n' + "\n".join(texts) + "}\n"


def _visit(folder: Path, name: str, above: tuple[str, ...], ordered: list[str]) -> None:
    if name in above:
        raise UserError(f"{folder}: modules import in a circle: {' > '.join([*above, name])}")
    if name in ordered:
        return
    for imported in _IMPORT.findall(_read(folder, name)):
        _visit(folder, imported, (*above, name), ordered)
    ordered.append(name)


def _plain(folder: Path, name: str) -> str:
    text = _EXPORT.sub("", _IMPORT.sub("", _read(folder, name)))
    if left := _LEFT.search(text):
        raise UserError(f"{folder / name}.mjs: {left[0].strip()!r} is no form that is bundled")
    return f"// {name}\n{text.strip()}\n"


def _read(folder: Path, name: str) -> str:
    path = folder / f"{name}.mjs"
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: not readable ({error.strerror})") from None
