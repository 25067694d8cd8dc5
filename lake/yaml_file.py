"""YAML that people write, read and checked against a pydantic model; whatever is wrong with it is one line."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from lake.errors import ConfigError

Checked = TypeVar("Checked", bound=BaseModel)


class _Repeated(yaml.YAMLError):
    """A key that stands twice in one mapping."""


class _Loader(yaml.SafeLoader):
    """Refuses a repeated key, of which YAML keeps the last in silence, and says the line of a value that is none."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Repeats are found here: by the time a dict is made, `<<` has merged in keys that may be overridden."""
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in lines:
                raise _Repeated(f"line {lines[name]}: repeated: {key.value}")
            lines[name] = key.start_mark.line + 1
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """2026-02-30 looks like a date to YAML, and then to nobody; likewise what a tag says that it is not."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as e:
            raise ConstructorError(problem=f"no {node.tag.rpartition(':')[2]}: {e}", problem_mark=node.start_mark) from e


def read(path: Path, model: type[Checked]) -> Checked:
    """What a file says. Raises ConfigError naming the file, and the line or the key of what is wrong."""
    return checked(mapping(text_of(path), str(path)), model, str(path))


def text_of(path: Path) -> str:
    """The text of a file, in UTF-8 on every machine. Raises ConfigError where it cannot be read."""
    try:
        return path.read_bytes().decode()
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror or e}") from e
    except UnicodeDecodeError as e:
        line = e.object.count(b"\n", 0, e.start) + 1
        raise ConfigError(f"{path}: line {line}: byte {e.object[e.start]:#04x} is not {e.encoding}") from e


def mapping(text: str, name: str) -> dict[str, Any]:
    """The text as a mapping, of nothing where it says nothing; `name` is the file's, for errors. Raises ConfigError for what is
    no YAML, for a repeated key, and for what is no mapping."""
    try:
        found = yaml.load(text, _Loader)  # nosec B506 # _Loader is a SafeLoader
    except _Repeated as e:
        raise ConfigError(one_line(f"{name}: {e}")) from e
    except (yaml.YAMLError, RecursionError) as e:
        raise ConfigError(one_line(f"{name} is not YAML: {_why(e, text)}")) from e
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigError(f"{name}: not a mapping")
    for key in found:
        if not isinstance(key, str):
            raise ConfigError(one_line(f"{name}: {key}: a key is a name"))
    return found


def _why(error: Exception, text: str) -> str:
    """The line and what is wrong with it, but not the line itself: it may hold a password."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        what = ", ".join(x for x in (error.context, error.problem) if x)
        return f"line {mark.line + 1}: {what}" if mark else what
    if isinstance(error, ReaderError):
        return f"line {text.count(chr(10), 0, error.position) + 1}: {error.reason}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def checked(values: dict[str, Any], model: type[Checked], name: str) -> Checked:
    """The values as the model has them; `name` is the file's. Raises ConfigError naming it, the keys and what is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as e:
        raise ConfigError(f"{name}: {describe(e)}") from e


def describe(error: ValidationError) -> str:
    """A pydantic error as one line: key: what is wrong; ..."""
    return one_line("; ".join(f"{'.'.join(str(x) for x in e['loc']) or 'file'}: {e['msg']}" for e in error.errors()))


def one_line(text: str) -> str:
    """The text with one space for each of its gaps."""
    return " ".join(text.split())
