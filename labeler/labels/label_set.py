"""Labels: what they are called, what they mean, which of them exclude each other; read from labels.yml or a manifest.

A labels file is a YAML list. Each entry is a mapping, or just the name:

    - name: "type: feature"
      description: New behaviour that somebody asks for
      color: a2eeef
      aliases: [enhancement]
      family: type
      threshold: 0.4
      from: {field: Type, value: Feature request}
    - question
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeler.data.textfile import decoded_lines
from labeler.errors import InputError
from labeler.labels.form_rules import Rule, checked_rules
from labeler.labels.label_fields import (
    Value,
    checked_color,
    checked_description,
    checked_name,
    checked_show,
    checked_threshold,
    wrong,
)
from labeler.labels.look_alikes import unambiguous, undecorated

if TYPE_CHECKING:
    import yaml

KEYS = ("name", "description", "color", "aliases", "family", "threshold", "show", "from")


def fold(name: str) -> str:
    """The form in which two spellings of one label are equal: GitHub's label names ignore case."""
    return name.casefold()


@dataclass(frozen=True)
class Label:
    """One label. `color` is six lower-case hex digits or empty; `threshold` is in 0..1 or None (use the model's)."""

    name: str
    description: str = ""
    color: str = ""
    aliases: tuple[str, ...] = ()
    family: str = ""
    threshold: float | None = None
    show: str = ""  # "always": asked for although the repository lacks it
    rules: tuple[Rule, ...] = ()  # `from` in labels.yml: decide the label before the model

    @property
    def spellings(self) -> tuple[str, ...]:
        """The name, then the aliases."""
        return (self.name, *self.aliases)


@dataclass(frozen=True)
class LabelSet:
    """Labels in listed order, which is the order of every answer. Only `read_labels` and `from_dicts` validate."""

    labels: tuple[Label, ...]

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)

    @cached_property
    def _index(self) -> dict[str, Label]:
        index = {fold(label.name): label for label in self.labels}
        for label in self.labels:
            for alias in label.aliases:
                index.setdefault(fold(alias), label)
        return index

    @cached_property
    def _alike(self) -> Mapping[str, Label]:
        return unambiguous((spelling, label) for label in self.labels for spelling in label.spellings)

    def find(self, name: str) -> Label | None:
        """The label of that name in any case, else the one with that alias, else the only one that looks like it."""
        return self._index.get(fold(name)) or self._alike.get(undecorated(name))

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that are neither name nor alias of a label."""
        return [name for name in names if self.find(name) is None]

    def only(self, names: Iterable[str]) -> LabelSet:
        """The labels that `names` (or aliases) name, in this set's order; names it does not know are passed over."""
        wanted = {self.find(name) for name in names}
        return LabelSet(tuple(label for label in self.labels if label in wanted))

    @classmethod
    def from_dicts(cls, entries: Sequence[object], source: str) -> LabelSet:
        """A label set from a JSON manifest's list. Raises InputError naming source, position and field."""
        if not isinstance(entries, (list, tuple)):
            raise InputError(f"{source}: the labels are not a list", "Give a list of labels.")
        return _validated([_entry_of_dict(entry, f"{source}: label {i}") for i, entry in enumerate(entries, 1)], source)

    def to_dicts(self) -> list[dict[str, Any]]:
        """What `from_dicts` reads back; empty fields are left out."""
        plain = (
            {key: getattr(label, key, None) for key in KEYS}
            | {"aliases": list(label.aliases), "from": [rule.to_dict() for rule in label.rules]}
            for label in self.labels
        )
        return [{key: value for key, value in given.items() if value not in ("", [], None)} for given in plain]


def read_labels(path: str | Path) -> LabelSet:
    """The labels of a labels.yml. Raises InputError naming file, line and field, with a remedy."""
    # yaml costs 20 ms to import, and a bundle's own labels need none.
    import yaml

    text = "".join(decoded_lines(path))
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{line}: not valid YAML: {error.problem}", "Mend the YAML at that line.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(f"{path}:{line}: a character that YAML forbids", "Delete it and type it again.") from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deeply", "A labels file is a plain list of labels.") from error
    if root is None:
        raise InputError(f"{path}:1: the file has no labels", "List at least one, for example: - name: bug")
    if not isinstance(root, yaml.SequenceNode):
        line = root.start_mark.line + 1
        raise InputError(f"{path}:{line}: the file is not a list", "Start every label with a dash: - name: bug")
    return _validated([_entry_of_node(node, str(path)) for node in root.value], f"{path}:{root.start_mark.line + 1}")


_Entry = tuple[str, dict[str, Value]]


def _entry_of_dict(entry: object, place: str) -> _Entry:
    if isinstance(entry, str):
        return place, {"name": Value(entry, place)}
    if not isinstance(entry, Mapping):
        wrong(place, "label", "neither a mapping nor a name", 'Write it like {"name": "bug"}.')
    return place, _with_known_keys([(key, Value(value, place)) for key, value in entry.items()])


def _entry_of_node(node: yaml.Node, source: str) -> _Entry:
    import yaml

    place = f"{source}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.ScalarNode):
        return place, {"name": _value_of_node(node, source)}
    if not isinstance(node, yaml.MappingNode):
        wrong(place, "label", "neither a mapping nor a name", "Write it like this: - name: bug")
    pairs = [(_value_of_node(key, source).value, _value_of_node(value, source)) for key, value in node.value]
    return place, _with_known_keys(pairs)


def _value_of_node(node: yaml.Node, source: str) -> Value:
    """Scalars stay text, so that a label `no` is no boolean and a colour 000000 no octal number; null is None.

    Mappings and what stands in a list have values of their own; nothing that is deeper does.
    """
    import yaml

    place = f"{source}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.ScalarNode):
        return Value(None if node.tag == "tag:yaml.org,2002:null" else node.value, place)
    if isinstance(node, yaml.SequenceNode):
        return Value([_item_of_node(item, source) for item in node.value], place)
    fields: dict[str, Value] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "key"
        if name in fields:
            wrong(place, name, "given twice", "Keep one of them.")
        is_scalar = isinstance(value, yaml.ScalarNode)
        fields[name] = _value_of_node(value, source) if is_scalar else Value({}, place)
    return Value(fields, place)


def _item_of_node(node: yaml.Node, source: str) -> object:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return _value_of_node(node, source)
    return node.value if isinstance(node, yaml.ScalarNode) else None


def _with_known_keys(pairs: Iterable[tuple[object, Value]]) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for written, value in pairs:
        key = "color" if written == "colour" else written
        if not isinstance(key, str) or key not in KEYS:
            wrong(value.place, str(written), "unknown key", f"Use one of: {', '.join(KEYS)}.")
        if key in fields:
            wrong(value.place, str(written), "given twice for one label", "Keep one of them.")
        fields[key] = value
    return fields


def _validated(entries: Sequence[_Entry], source: str) -> LabelSet:
    if not entries:
        raise InputError(f"{source}: the list has no labels", "List at least one, for example: - name: bug")
    taken: dict[str, str] = {}
    labels = []
    for place, fields in entries:
        label = _label(place, fields)
        for field, name in (("name", label.name), *(("aliases", alias) for alias in label.aliases)):
            where = fields[field].place
            if fold(name) in taken:
                remedy = f"Remove one: {taken[fold(name)]} has the same name or alias (case makes no difference)."
                wrong(where, field, f"{name!r} is listed twice", remedy)
            taken[fold(name)] = where
        labels.append(label)
    return LabelSet(tuple(labels))


def _label(place: str, fields: Mapping[str, Value]) -> Label:
    absent = Value("", place)
    if "name" not in fields:
        wrong(place, "name", "missing", "Give every label a name.")
    aliases = fields.get("aliases", Value([], place))
    listed = [aliases.value] if isinstance(aliases.value, str) else aliases.value
    if listed is not None and not isinstance(listed, (list, tuple)):
        wrong(aliases.place, "aliases", "not a list", "Write it like this: aliases: [enhancement, feature]")
    family = fields.get("family", absent)
    return Label(
        name=checked_name(fields["name"], "name"),
        description=checked_description(fields.get("description", absent)),
        color=checked_color(fields["color"]) if "color" in fields else "",
        aliases=tuple(checked_name(Value(alias, aliases.place), "aliases") for alias in listed or ()),
        family="" if family.value in (None, "") else checked_name(family, "family"),
        threshold=checked_threshold(fields["threshold"]) if "threshold" in fields else None,
        show=checked_show(fields["show"]) if "show" in fields else "",
        rules=checked_rules(fields["from"]) if "from" in fields else (),
    )
