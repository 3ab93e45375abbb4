"""The config: read with its defaults, refused with the key's name and the nearest valid one."""

import copy
import difflib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import reduce
from itertools import chain
from operator import getitem
from pathlib import Path
from typing import Any

import yaml

from fimscope.errors import UserError
from fimscope.typescript.edit_names import ORIGINAL, canonical_edit

CONTROL = re.compile(r"[\0-\x1f\x7f-\x9f]")
MOST_VALUES = 100_000  # of a YAML file, its aliases written out
COMMAND = "--config"  # of Snakemake's command line


def read_yaml(path: Path) -> Any:
    """The content of a YAML or JSON file.

    raises UserError where it is neither, where a key stands twice in one mapping, of which only the
    last would be kept, or where its aliases stand for more than MOST_VALUES, or for what holds
    them: a file of a few hundred bytes can stand for 10^9 values
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in pairs)
        if again := [key for key, n in counts.items() if n > 1]:
            raise UserError(f"{path}: {again[0]!r} stands there twice; keep one, with all of both")
        return dict(pairs)

    text = path.read_text(encoding="utf-8")
    with suppress(json.JSONDecodeError, RecursionError):
        return json.loads(text, object_pairs_hook=once)  # Snakemake too tries this first
    return _parse_yaml(text, str(path))


def _parse_yaml(text: str, place: str) -> Any:
    """What a text says in YAML; raises as `read_yaml`, `place` being where the text stands."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        nodes: dict[yaml.Node | None, float] = {}
        if _n_values(node, nodes) > MOST_VALUES:
            raise UserError(
                f"{place}: more than {MOST_VALUES} values once its aliases are written out, or a "
                "value within itself; write out what the aliases stand for"
            )
        if again := next(filter(None, map(_key_again, nodes)), None):
            raise UserError(
                f"{place}: line {again.start_mark.line + 1}: {again.value!r} stands there a second "
                "time; keep one, with all that both say"
            )
        return None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UserError(f"{place}: no YAML ({where}{error.problem}); mend it there") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        raise UserError(f"{place}: no YAML ({error}); mend it there") from None
    except RecursionError:
        raise UserError(f"{place}: values within values, too deep to be read") from None
    finally:
        loader.dispose()


def _key_again(node: yaml.Node | None) -> yaml.Node | None:
    """The first key of a mapping that it has had before; None for any other node."""
    known: set[tuple[str, str]] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else []:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in known:
                return key
            known.add((key.tag, key.value))
    return None


def _n_values(node: yaml.Node | None, known: dict[yaml.Node | None, float]) -> float:
    """How many values a node stands for, aliases written out; infinite where it holds itself."""
    if node not in known:
        known[node] = math.inf
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        flat = chain.from_iterable(parts) if isinstance(node, yaml.MappingNode) else parts
        known[node] = 1 + sum(_n_values(part, known) for part in flat)
    return known[node]


def read_schema(path: Path, experiments: Iterable[str]) -> dict[str, Any]:
    """The schema of the config; `experiments` are the names of all, in the report's order."""
    schema = read_yaml(path)
    schema["properties"]["experiments"]["items"] = {"enum": list(experiments)}
    return schema


def read_layers(
    files: Sequence[str], entries: Iterable[str], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """What a config is merged of: the name of a file, or `--config` -> what stands there.

    files    the last one winning
    entries  of the command line, which wins over all files: KEY=VALUE each
    schema   of `read_schema`
    raises   UserError as `read_yaml`
    """
    layers = {file: read_yaml(Path(file)) for file in files}
    given = _read_entries(entries, schema)
    return {**layers, COMMAND: given} if given else layers


def _read_entries(entries: Iterable[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The values of KEY=VALUE as YAML has them, as texts where the schema wants nothing else.

    Snakemake itself has all that stands within a mapping or a list as text.
    """
    import jsonschema

    given: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    for entry in entries:
        key, _, text = entry.partition("=")
        _merge(given, {key: _parse_yaml(text, f"{COMMAND}: {key}")})
        _merge(texts, {key: yaml.load(text, yaml.BaseLoader)})
    errors = jsonschema.Draft202012Validator(schema).iter_errors(given)
    for path in _wanted_as_text(errors):
        with suppress(KeyError, IndexError, TypeError):  # a key that is no text, or was merged in
            text = reduce(getitem, path, texts)
            if isinstance(text, str):
                reduce(getitem, path[:-1], given)[path[-1]] = text
    return given


def _wanted_as_text(errors: Iterable[Any]) -> Iterator[list[str | int]]:
    """The places where the schema, or one of the shapes that it offers, wants a text."""
    for error in errors:
        if error.validator == "type" and "string" in error.validator_value:
            yield list(error.absolute_path)
        yield from _wanted_as_text(error.context)


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Put a mapping into another, mappings within it too, as Snakemake does with entries."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def complete_config(
    config: Mapping[str, Any], schema: Mapping[str, Any], layers: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The config with the schema's defaults filled in, its experiments in the report's order.

    schema  of `read_schema`
    layers  of `read_layers`; errors name the one that the key is from. What the command line says
            is taken from there, as the config has it from Snakemake, as text
    raises  UserError for an unknown key, a missing key, or a value that the schema refuses
    """
    import jsonschema

    layers = layers or {}
    config = copy.deepcopy(dict(config))
    _merge(config, copy.deepcopy(layers.get(COMMAND, {})))
    _refuse_unspeakable(config, [], layers)
    completed = _with_defaults(config, schema)
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(
        validator.iter_errors(completed),
        key=lambda error: (error.validator == "oneOf", list(map(str, error.path))),
    )
    if errors:
        raise UserError(_explain(errors[0], layers))
    completed["experiments"].sort(key=schema["properties"]["experiments"]["items"]["enum"].index)
    return _with_canonical_edits(completed, layers)


def study_name(config: Mapping[str, Any], schema: Mapping[str, Any], presets: Sequence[str]) -> str:
    """The name of a study: its config's `study`, else that of its presets, else its model's.

    config   of `complete_config`
    presets  the config files that the command names, beside the one that every study has; of other
             files it is another study
    raises   UserError where the files' names make none
    """
    import jsonschema

    if "study" in config or not presets:
        return config.get("study", config["model"]["name"])
    name = re.sub("[^A-Za-z0-9._-]+", "-", "-".join(Path(preset).stem for preset in presets))
    if not jsonschema.Draft202012Validator(schema["properties"]["study"]).is_valid(name):
        raise UserError(
            f"{presets[0]}: study: this key is missing, and {name!r}, by the files' names, is no "
            "name for a folder in results/ that has no other use; name the study there"
        )
    return name


def _refuse_unspeakable(value: Any, path: list[str], layers: Mapping[str, Any]) -> None:
    """Raise UserError for what JSON cannot say: a schema has no word on it, and no command line.

    That is nan and infinity, dates, keys that are no text; and control characters: no command line
    holds a NUL, and the others act on the terminal where a command is shown.
    """
    problem = None
    if isinstance(value, dict):
        for key, part in value.items():
            if isinstance(key, str) and not CONTROL.search(key):
                _refuse_unspeakable(part, [*path, key], layers)
            else:
                problem = f"the key {key!r} found; expected a text without control characters"
    elif isinstance(value, list):
        for i, part in enumerate(value):
            _refuse_unspeakable(part, [*path, str(i)], layers)
    elif (
        (isinstance(value, str) and CONTROL.search(value))
        or (isinstance(value, float) and not math.isfinite(value))
        or not isinstance(value, str | int | float | bool | None)
    ):
        problem = (
            f"{value!r} found; expected a text without control characters, a finite number, "
            "true, false or null"
        )
    if problem:
        raise UserError(f"{place_of(path, layers)}: {'.'.join(path) or 'config'}: {problem}")


def _with_canonical_edits(config: dict[str, Any], layers: Mapping[str, Any]) -> dict[str, Any]:
    """The config with every edit in its one spelling. raises UserError for what is no edit."""
    spelled = [
        canonical_edit(text, f"{place_of(['edits'], layers)}: edits.{i}")
        for i, text in enumerate(config["edits"])
    ]
    if repeated := {edit for edit in spelled if spelled.count(edit) > 1 or edit == ORIGINAL}:
        raise UserError(
            f"{place_of(['edits'], layers)}: edits: {sorted(repeated)[0]!r} is one too many; "
            f"expected each edit once, and {ORIGINAL} not at all (it is always asked)"
        )
    patched = _one_of(spelled, config, "patch", layers)
    steer = {"edit": patched, **config["steer"]}
    steered = _one_of(spelled, {**config, "steer": steer}, "steer", layers)
    return {
        **config,
        "edits": spelled,
        "patch": {**config["patch"], "edit": patched},
        "steer": {**steer, "edit": steered},
    }


def _one_of(
    spelled: Sequence[str], config: Mapping[str, Any], part: str, layers: Mapping[str, Any]
) -> str:
    """The edit of a part of the config, in its one spelling; it must be one of the edits."""
    place = place_of([part, "edit"], layers)
    edit = canonical_edit(config[part]["edit"], f"{place}: {part}.edit")
    if edit not in spelled:
        raise UserError(
            f"{place}: {part}.edit: {edit!r} is none of the edits ({', '.join(spelled)})"
        )
    return edit


def _with_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        for key, part in schema.get("properties", {}).items():
            if key not in value and "default" in part:
                value[key] = copy.deepcopy(part["default"])
            if key in value:
                value[key] = _with_defaults(value[key], part)
    return value


def _explain(error: Any, layers: Mapping[str, Any]) -> str:
    """One line: the file, the key, the value, what was expected, what to do."""
    error = _deepest(error)
    path = [str(part) for part in error.absolute_path]
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = sorted(map(str, set(error.instance) - set(known)))[0]
        nearest = difflib.get_close_matches(unknown, known, n=1, cutoff=0)
        path.append(unknown)
        text = f"unknown key; the nearest valid one is {'.'.join([*path[:-1], nearest[0]])}"
    elif error.validator == "enum":
        text = f'"{error.instance}" is not one of {", ".join(map(str, error.validator_value))}'
    elif error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        path.append(missing)
        text = "this key is missing; config/schema.yaml says what it may hold"
    else:
        text = error.message
    return f"{place_of(path, layers)}: {'.'.join(path) or 'config'}: {text}"


def _deepest(error: Any) -> Any:
    """Of a choice of shapes, the complaint of the shape that the value comes nearest to."""
    while error.context:
        wrong_kind = {e.schema_path[0] for e in error.context if e.validator == "const"}
        candidates = [e for e in error.context if e.schema_path[0] not in wrong_kind]
        by_shape: dict[Any, list[Any]] = {}
        for e in candidates or error.context:
            by_shape.setdefault(e.schema_path[0], []).append(e)
        error = min(by_shape.values(), key=len)[0]
    return error


def place_of(path: Sequence[str], layers: Mapping[str, Any]) -> str:
    """The last of the layers that holds the key, or as much of it as any layer holds."""

    def depth(name: str) -> int:
        value, found = layers[name], 0
        for key in path:
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value = value[int(key)]
            else:
                break
            found += 1
        return found

    return max(reversed(layers), key=depth, default="config")
