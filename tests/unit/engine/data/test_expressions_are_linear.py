"""Every regular expression of engine/data takes time in proportion to the text, whoever wrote the text.

Each expression is run, by the methods by which the code calls it, on long repetitions of the characters that it speaks of. A
quadratic one takes four times as long for twice the text, and a text of 16 kB holds a processor for minutes.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]  # the only way to see what an expression speaks of
from re import _parser as sre_parse  # type: ignore[attr-defined]
from typing import Any, Final

import pytest

import engine.data

METHODS: Final = ("search", "match", "fullmatch", "findall", "finditer", "sub", "split")
SHORT: Final = 4_000
GROWTH: Final = 4
"""Texts of this many times the length are tried where a short one was slow."""
SLOW_S: Final = 0.001
"""A linear expression takes some 80 microseconds for a short text, the fastest quadratic one 2 milliseconds."""
MOST_GROWTH: Final = 2.2 * GROWTH
"""Of the time. Linear: 4, quadratic: 16."""
_ROOT: Final = Path(next(iter(engine.data.__path__)))
_CATEGORIES: Final = {
    sre.CATEGORY_DIGIT: "1",
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_WORD: "a",
    sre.CATEGORY_NOT_DIGIT: "a",
    sre.CATEGORY_NOT_SPACE: "a",
    sre.CATEGORY_NOT_WORD: "-",
}


@dataclass(frozen=True)
class Expression:
    """A regular expression, where it is, and how it is called."""

    where: str
    pattern: re.Pattern[str]
    methods: tuple[str, ...]


def modules() -> Iterator[tuple[str, Path]]:
    for found in pkgutil.walk_packages([str(_ROOT)], "engine.data."):
        relative = Path(*found.name.split(".")[2:])
        path = _ROOT / (relative / "__init__.py" if found.ispkg else relative.with_suffix(".py"))
        yield found.name, path


def called(path: Path) -> Mapping[str, set[str]]:
    """The methods that are called on each name in a module."""
    found: dict[str, set[str]] = defaultdict(set)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            if isinstance(node.value, ast.Name):
                found[node.value.id].add(node.attr)
            elif isinstance(node.value, ast.Attribute):
                found[node.value.attr].add(node.attr)
    return found


def compiled(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from compiled(each)
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from compiled(each)


def expressions() -> list[Expression]:
    """Those that modules keep, and those that stand in a call."""
    found: dict[tuple[re.Pattern[str], tuple[str, ...]], Expression] = {}
    for name, path in modules():
        module, uses = importlib.import_module(name), called(path)
        # Those in a mapping or a tuple are called by the name that a loop gives them.
        elsewhere = {method for each, methods in uses.items() if not hasattr(module, each) for method in methods}
        for variable, value in vars(module).items():
            for pattern in compiled(value):
                methods = tuple(sorted(uses.get(variable) or elsewhere or {"search", "fullmatch"}))
                found.setdefault((pattern, methods), Expression(f"{name}.{variable}", pattern, methods))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            base, first = node.func.value, node.args[0]
            is_inline = isinstance(base, ast.Name) and base.id == "re" and node.func.attr in METHODS
            if is_inline and isinstance(first, ast.Constant) and isinstance(first.value, str):
                pattern = re.compile(first.value, re.IGNORECASE if "IGNORECASE" in ast.dump(node) else 0)
                where = f"{name}:{node.lineno}"
                found.setdefault((pattern, (node.func.attr,)), Expression(where, pattern, (node.func.attr,)))
    return list(found.values())


def spoken_of(pattern: re.Pattern[str]) -> list[str]:
    """Characters and words that an expression names, one of each class."""
    found: dict[str, None] = {}

    def walk(parsed: Any) -> None:
        word = ""
        for kind, value in parsed:
            if kind is sre.LITERAL:
                word += chr(value)
                continue
            if word:
                found[word] = None
                word = ""
            if kind is sre.IN:
                letters = [chr(what) for inner, what in value if inner is sre.LITERAL and chr(what).isalnum()]
                found.update(dict.fromkeys(letters[:1]))
                for inner, what in value:
                    if inner is sre.LITERAL:
                        if not chr(what).isalnum():
                            found[chr(what)] = None
                    elif inner is sre.RANGE:
                        found[chr(what[0])] = None
                    elif inner is sre.CATEGORY:
                        found[_CATEGORIES.get(what, "a")] = None
            elif kind is sre.CATEGORY:
                found[_CATEGORIES.get(value, "a")] = None
            elif kind is sre.NOT_LITERAL or kind is sre.ANY:
                found["a"] = None
            elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
                walk(value[2])
            elif kind is sre.SUBPATTERN:
                walk(value[-1])
            elif kind is sre.BRANCH:
                for branch in value[1]:
                    walk(branch)
            elif kind in (sre.ASSERT, sre.ASSERT_NOT):
                walk(value[1])
            elif kind is sre.ATOMIC_GROUP:
                walk(value)
            elif kind is sre.GROUPREF_EXISTS:
                for branch in value[1:]:
                    if branch:
                        walk(branch)
        if word:
            found[word] = None

    walk(sre_parse.parse(pattern.pattern, pattern.flags))
    letters = dict.fromkeys(part for word in found for part in (word, word[0]))
    order = sorted(letters, key=lambda part: (part.isalnum(), len(part) > 1, part))
    return [*dict.fromkeys([*order[:24], "a", "1", " ", "-"])]


def hostile(pattern: re.Pattern[str]) -> Iterator[tuple[str, str, str]]:
    """What a text begins with, what it repeats, and what it ends with."""
    parts = spoken_of(pattern)
    for part in parts:
        yield "", part, "\x00"
    for one, other in itertools.permutations(parts, 2):
        yield "", one + other, "\x00"
        yield one, other, "\x00"
    for one, other in itertools.permutations(parts[:8], 2):
        yield "", one + other + "a", "\x00"
        yield "", one + "a" + other, "\x00"
        yield "", f"{one}1 {other}", "\x00"


def run(pattern: re.Pattern[str], method: str, text: str) -> None:
    if method == "sub":
        pattern.sub("", text)
    elif method == "finditer":
        for _ in pattern.finditer(text):
            pass
    else:
        getattr(pattern, method)(text)


def seconds(pattern: re.Pattern[str], method: str, text: str, tries: int) -> float:
    best = float("inf")
    for _ in range(tries):
        started_s = time.thread_time()
        run(pattern, method, text)
        best = min(best, time.thread_time() - started_s)
    return best


def growth(pattern: re.Pattern[str], method: str) -> tuple[float, str] | None:
    """How much longer a longer text takes, at worst, and which one; None: as its length."""
    for begin, again, end in hostile(pattern):
        short = begin + again * (SHORT // len(again)) + end
        if seconds(pattern, method, short, 1) < SLOW_S:
            continue
        long = begin + again * (GROWTH * SHORT // len(again)) + end
        for _ in range(3):  # another process may have had the processor for a moment
            short_s = seconds(pattern, method, short, 3)
            if short_s < SLOW_S or (ratio := seconds(pattern, method, long, 2) / short_s) < MOST_GROWTH:
                break
        else:
            return ratio, f"{begin!r} + {again!r} * n + {end!r}"
    return None


@pytest.mark.parametrize("expression", expressions(), ids=lambda each: each.where)
def test_no_expression_takes_longer_than_its_text_is_long(expression: Expression) -> None:
    for method in expression.methods:
        found = growth(expression.pattern, method)
        assert found is None, (
            f"{expression.where} by {method}: a text {GROWTH} times as long took {found[0]:.0f} times the time: {found[1]}"
        )


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"<[^>]*>", "sub"),
        (r"\w+@\w+", "search"),
        (r"\s+$", "search"),
        (r"(?:[\w-]+\.)+com", "search"),
        (r"\(\s*\S+\s+\"", "search"),
        (r"(.*?)\s*\(([^()]+)\)", "fullmatch"),
    ],
)
def test_the_rule_finds_a_quadratic_expression(pattern: str, method: str) -> None:
    assert growth(re.compile(pattern), method) is not None


def test_the_rule_lets_a_linear_expression_pass() -> None:
    assert growth(re.compile(r"(?<!\w)\w{1,30}@\w"), "search") is None
