"""YAML as a course may hold it: names, texts, numbers and lists. What it can do beyond that is refused, line by line.

Aliases, merges and tags are not needed to write a course; they let a small file stand for an endless one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from core.publishing.files import Unreadable, refuse_control_characters

DEEPEST = 100
TREES_KEPT = 4  # trees are many times larger than their texts
MOST_SHOWN = 40
BLOCK_STYLES = ("|", ">")
MERGE = "<<"

# The parser in C does the same ten times faster; not every platform's wheel of PyYAML holds it.
YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class TextInFile:
    """One text of a file as it was meant, without quotes and escapes.

    ``line``, from 1, is that on which it begins, and ``name`` the member that it is, or one item of.
    """

    line: int
    text: str
    name: str = ""


@dataclass(frozen=True)
class YamlText:
    """The data in a YAML text, every text in it, and names that stand twice in one mapping, with the second's line."""

    data: Any
    texts: tuple[TextInFile, ...]
    twice: tuple[tuple[int, str], ...]


def read_yaml(written: str) -> YamlText:
    """All that a YAML text says; raises Unreadable."""
    try:
        _refuse_what_could_be_endless(written)
        tree = _tree(written)
        texts = tuple(_texts(tree))
        for one in texts:
            refuse_control_characters(one.text, one.line)
        return YamlText(_data(tree), texts, tuple(_twice(tree)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise Unreadable((mark.line if mark else 0) + 1, f"not valid YAML: {reason}") from None


def line_in(written: str, location: Sequence[str | int]) -> int:
    """The line, from 1, of the deepest part of ``location`` that stands in the YAML."""
    tree = _tree(written)
    line = tree.start_mark.line if tree else 0
    for step in location:
        if isinstance(tree, yaml.MappingNode):
            found = next((pair for pair in tree.value if pair[0].value == str(step)), None)
            if found is None:
                continue  # the name of a union member, or a member that is missing
            line, tree = found[0].start_mark.line, found[1]
        elif isinstance(tree, yaml.SequenceNode) and isinstance(step, int) and step < len(tree.value):
            tree = tree.value[step]
            line = tree.start_mark.line
    return int(line) + 1


@lru_cache(maxsize=TREES_KEPT)
def _tree(written: str) -> yaml.Node | None:
    """What stands in a YAML text, with its lines; only for a text that was looked through before."""
    loader = YamlLoader(written)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _refuse_what_could_be_endless(written: str) -> None:
    """Look at the text as the parser comes through it, before anything is built that a small text can make large."""
    depth = 0
    event: Any
    for event in yaml.parse(written, Loader=YamlLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            if event.value == MERGE and event.implicit[0]:
                raise Unreadable(line, f"{MERGE} is not understood in a course: write out what it stands for")
        elif isinstance(event, yaml.AliasEvent):
            raise Unreadable(line, f"put a text that begins with * between quotes: *{event.anchor}")
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if getattr(event, "tag", None):
            raise Unreadable(line, f"put a text that begins with ! between quotes: {event.tag}")
        if depth > DEEPEST:
            raise Unreadable(line, f"not valid YAML: more than {DEEPEST} brackets or lists stand in one another")


def _texts(tree: yaml.Node | None, name: str = "") -> Iterator[TextInFile]:
    """Every text at and below a part of the tree, which is the member of that name."""
    if isinstance(tree, yaml.ScalarNode):
        yield TextInFile(tree.start_mark.line + 1 + (tree.style in BLOCK_STYLES), tree.value, name)
    elif isinstance(tree, yaml.MappingNode):
        for key, value in tree.value:
            yield from _texts(key)
            yield from _texts(value, str(key.value))
    elif isinstance(tree, yaml.SequenceNode):
        for item in tree.value:
            yield from _texts(item, name)


def _twice(tree: yaml.Node | None) -> Iterator[tuple[int, str]]:
    names: set[str] = set()
    for part in tree.value if isinstance(tree, yaml.CollectionNode) else ():
        if isinstance(part, yaml.Node):
            yield from _twice(part)
            continue
        name, value = part
        if isinstance(name, yaml.ScalarNode) and name.value in names:
            yield name.start_mark.line + 1, name.value
        names.add(str(name.value))
        yield from _twice(value)


def _data(tree: yaml.Node | None) -> Any:
    loader = YamlLoader("")
    try:
        return loader.construct_document(tree) if tree else None
    except (ValueError, OverflowError):
        raise _misread(tree) from None
    finally:
        loader.dispose()


def _misread(tree: yaml.Node | None) -> Unreadable:
    """Names the first text that is written like a number or a day and is none, as 2026-02-30."""
    loader = YamlLoader("")
    for node in _scalars(tree):
        try:
            loader.construct_object(node)
        except (ValueError, OverflowError):
            shown = node.value if len(node.value) <= MOST_SHOWN else f"{node.value[:MOST_SHOWN]}…"
            message = f"{shown} is written like a number or a day, and is none; a text stands between quotes"
            return Unreadable(node.start_mark.line + 1, message)
    return Unreadable(1, "not valid YAML")


def _scalars(tree: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(tree, yaml.ScalarNode):
        yield tree
    elif isinstance(tree, yaml.CollectionNode):
        for part in tree.value:
            for node in part if isinstance(part, tuple) else (part,):
                yield from _scalars(node)
