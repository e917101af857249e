"""Gates: what a notebook's metrics must be, as a user writes it, and whether they are so.

::

    gate       = comparison ("and" comparison)*
    comparison = metric (">=" | ">" | "<=" | "<" | "==" | "!=") bound
    bound      = sums, differences, products and quotients of numbers and metrics, with parentheses
    metric     = [run "."] name

A name of letters, digits and underscores stands as it is, any other between backticks: `` `val/acc` ``.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import CommandError
from ..records import GateResult, GateVerdict, Run

# Longer or deeper, it is no gate that a person has written.
_LONGEST, _DEEPEST = 500, 50
_LISTED, _NEAR = 10, 3
_HINT = """for example: --require 'accuracy >= 0.9', --require '`val/acc` >= champion.accuracy - 0.01'"""
_WORDS = {"or", "not"}
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?>[0-9]+\.?[0-9]*|\.[0-9]+)(?>(?:[eE][+-]?[0-9]+)?)(?![\w`]))
    |(?P<name>`(?:[^`]|``)+`|[^\W\d]\w*)
    |(?P<compare>>=|<=|==|!=|>|<)
    |(?P<sign>[-+*/().])
    )""",
    re.VERBOSE,
)
_BARE = re.compile(r"[^\W\d]\w*")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
_CALCULATE: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


@dataclass(frozen=True)
class Number:
    """A number, not negative."""

    value: float

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Metric:
    """A metric, of a run or baseline that is named, or of whichever run of the notebook logged it last."""

    name: str
    owner: str | None = None

    def __str__(self) -> str:
        return _quoted(self.name) if self.owner is None else f"{_quoted(self.owner)}.{_quoted(self.name)}"


@dataclass(frozen=True)
class Negative:
    """Minus something."""

    of: Expression

    def __str__(self) -> str:
        return f"-({self.of})" if isinstance(self.of, Calculation) else f"-{self.of}"


@dataclass(frozen=True)
class Calculation:
    """Two expressions with ``+``, ``-``, ``*`` or ``/`` between them."""

    sign: str
    left: Expression
    right: Expression

    def __str__(self) -> str:
        left = f"({self.left})" if self._binds(self.left) < self._binds(self) else str(self.left)
        right = f"({self.right})" if self._binds(self.right) <= self._binds(self) else str(self.right)
        return f"{left} {self.sign} {right}"

    @staticmethod
    def _binds(one: Expression) -> int:
        return 3 if not isinstance(one, Calculation) else 2 if one.sign in "*/" else 1


Expression = Number | Metric | Negative | Calculation


@dataclass(frozen=True)
class Comparison:
    """A metric and what it must be; ``text`` is how the user wrote it."""

    metric: Metric
    sign: str
    bound: Expression
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.metric} {self.sign} {self.bound}"

    @property
    def bound_metrics(self) -> tuple[Metric, ...]:
        """The metrics that the bound is made of."""
        return tuple(_metrics(self.bound))


class Baseline(NamedTuple):
    """A run that a gate compares with, under the name that the gate has for it.

    ``runs`` are the run and those within it, in the order in which they are read; ``words`` says what it is. One that
    the user has ``given`` a name goes before a run of the notebook's own of that name.
    """

    runs: tuple[Run, ...]
    words: str
    given: bool = False


def parse(text: str) -> tuple[Comparison, ...]:
    """Read a gate.

    Examples
    --------
    >>> [str(one) for one in parse("accuracy>=0.9 and fit.loss < 2 * champion.loss")]
    ['accuracy >= 0.9', 'fit.loss < 2.0 * champion.loss']

    Raises
    ------
    CommandError
        When it cannot be read; it says where.
    """
    return _Parser(text).gate()


def judge(comparison: Comparison, own: Sequence[Run], baselines: Mapping[str, Baseline]) -> GateResult:
    """Compare a metric of a notebook's runs with its bound.

    Parameters
    ----------
    comparison
        What must hold.
    own
        The notebook's run, then those within it, the oldest first: the last that has the metric is read.
    baselines
        What names in the bound mean.
    """
    missing: list[str] = []
    used: list[str] = []

    def read(metric: Metric) -> float:
        found, said = _bound_run(metric, own, baselines)
        if found is None:
            missing.append(said)
            return math.nan
        used.append(f"{metric} is {found.metrics[metric.name]!r}{said}")
        return found.metrics[metric.name]

    run, said = _own_run(comparison.metric, own)
    bound: float | None = _value(comparison.bound, read)
    if missing:
        bound = None
    value = None if run is None else run.metrics[comparison.metric.name]
    if run is None:
        missing.insert(0, said)
    if value is None or bound is None:
        verdict: GateVerdict = "no such metric"
        detail = "; ".join(dict.fromkeys(missing))
    elif math.isnan(value) or math.isnan(bound):
        # Any comparison with it would be false, but for !=, which would be true.
        verdict = "not met"
        what = str(comparison.metric) if math.isnan(value) else "the bound"
        detail = "; ".join([f"{what} is NaN, which meets no gate", *used])
    else:
        verdict = "met" if _COMPARE[comparison.sign](value, bound) else "not met"
        detail = "; ".join([f"{comparison.metric} is {value!r}", *used])
    name, ident = ("", "") if run is None else (run.name, run.run_id)
    return GateResult(comparison.text or str(comparison), verdict, value, bound, name, ident, detail)


def last_with(runs: Sequence[Run], metric: str) -> Run | None:
    """Return the last run that has a metric."""
    return next((run for run in reversed(runs) if metric in run.metrics), None)


def none_has(metric: str, runs: Sequence[Run], whose: str) -> str:
    """Say that no run has a metric, and which ones there are, near misses first."""
    known = {name for run in runs for name in run.metrics}
    near = difflib.get_close_matches(metric, sorted(known), n=_NEAR)
    names = [*near, *sorted(known.difference(near))]
    more = ", …" if len(names) > _LISTED else ""
    listed = f"there are: {', '.join(names[:_LISTED])}{more}" if names else "there are none"
    return f"{whose} has no metric {metric}; {listed}"


def _own_run(metric: Metric, own: Sequence[Run]) -> tuple[Run | None, str]:
    """Return the run of the notebook's that a gate means, or in words why there is none."""
    if metric.owner is None:
        return last_with(own, metric.name), none_has(metric.name, own, "the notebook")
    named = [run for run in own if run.name == metric.owner]
    if not named:
        whole = f"{metric.owner}.{metric.name}"
        if last_with(own, whole) is not None:
            return None, f"no run is called {metric.owner}; the metric {whole} is written `{whole}`"
        names = ", ".join(dict.fromkeys(run.name for run in own))
        return None, f"the notebook made no run {metric.owner}; there are: {names}"
    return last_with(named, metric.name), none_has(metric.name, named, metric.owner)


def _bound_run(metric: Metric, own: Sequence[Run], baselines: Mapping[str, Baseline]) -> tuple[Run | None, str]:
    """Return the run that a metric of a bound means and a word on which it is, or why there is none."""
    baseline = None if metric.owner is None else baselines.get(metric.owner)
    children = [run for run in own[1:] if run.name == metric.owner]
    if baseline is None or (children and not baseline.given):
        found, said = _own_run(metric, children or own)
        return found, said if found is None else f" ({found.run_id[:8]}, of this notebook)"
    found = last_with(baseline.runs, metric.name)
    if found is None:
        return None, none_has(metric.name, baseline.runs, baseline.words)
    return found, f" ({baseline.words})"


def _value(expression: Expression, read: Callable[[Metric], float]) -> float:
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Metric):
        return read(expression)
    if isinstance(expression, Negative):
        return -_value(expression.of, read)
    left, right = _value(expression.left, read), _value(expression.right, read)
    if expression.sign == "/" and right == 0:
        return math.nan
    return _CALCULATE[expression.sign](left, right)


def _metrics(expression: Expression) -> Iterator[Metric]:
    if isinstance(expression, Metric):
        yield expression
    elif isinstance(expression, Negative):
        yield from _metrics(expression.of)
    elif isinstance(expression, Calculation):
        yield from _metrics(expression.left)
        yield from _metrics(expression.right)


def _quoted(name: str) -> str:
    if _BARE.fullmatch(name) and name != "and" and name not in _WORDS:
        return name
    return f"`{name.replace('`', '``')}`"


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


class _Parser:
    """Reads one gate from left to right; a token ahead decides."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        if len(text) > _LONGEST:
            raise CommandError(f"a gate of {len(text):,} letters is too long: {text[:40]}…", _HINT)
        self._tokens = list(self._split())
        self._at = 0

    def gate(self) -> tuple[Comparison, ...]:
        """Read all of it."""
        found = [self._comparison()]
        while self._next.text == "and":
            self._at += 1
            found.append(self._comparison())
        if self._next.kind == "compare":
            raise self._wrong("compares twice; write both comparisons, with and between them")
        if self._next.text in _WORDS:
            raise self._wrong(f"has the word {self._next.text}; comparisons are joined by and")
        if self._next.kind != "end":
            raise self._wrong(f"goes on where it should end, at {self._shown()}")
        return tuple(found)

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _split(self) -> Iterator[_Token]:
        at = 0
        end = len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None or match.lastgroup is None:
                raise self._unreadable(self._text[at:].lstrip())
            start = match.start(match.lastgroup)
            yield _Token(match.lastgroup, match[match.lastgroup], start, match.end())
            at = match.end()
        yield _Token("end", "", end, end)

    def _unreadable(self, rest: str) -> CommandError:
        if rest.startswith("%"):
            return self._wrong("has a %; 90% is written 0.9")
        if rest.startswith("="):
            return self._wrong("has one =; equal is written ==")
        if rest.startswith("`"):
            return self._wrong("has a backtick that no other one closes, or nothing between two")
        return self._wrong(f"cannot be read at {rest[:20]!r}; a name with other signs than letters is put in backticks")

    def _comparison(self) -> Comparison:
        start = self._next.start
        if self._next.kind != "name" or self._next.text == "and":
            raise self._wrong(f"has to begin with a metric, not with {self._shown()}")
        metric = self._metric()
        if self._next.kind != "compare":
            raise self._wrong(f"has {self._shown()} where >=, >, <=, <, == or != is expected")
        sign = self._take()
        bound = self._sum()
        return Comparison(metric, sign, bound, self._text[start : self._tokens[self._at - 1].end])

    def _sum(self) -> Expression:
        found = self._product()
        while self._next.kind == "sign" and self._next.text in "+-":
            found = Calculation(self._take(), found, self._product())
        return found

    def _product(self) -> Expression:
        found = self._factor()
        while self._next.kind == "sign" and self._next.text in "*/":
            found = Calculation(self._take(), found, self._factor())
        return found

    def _factor(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong("is nested too deeply")
        try:
            return self._innermost()
        finally:
            self._depth -= 1

    def _innermost(self) -> Expression:
        token = self._next
        if token.kind == "number":
            value = float(self._take())
            if math.isinf(value):
                raise self._wrong(f"has the number {token.text}, which is too large")
            return Number(value)
        if token.kind == "name":
            return self._metric()
        if token.text == "-":
            self._at += 1
            return Negative(self._factor())
        if token.text == "+":
            self._at += 1
            return self._factor()
        if token.text != "(":
            raise self._wrong(f"has {self._shown()} where a number or a metric is expected")
        self._at += 1
        inner = self._sum()
        if self._next.text != ")":
            raise self._wrong(f"has {self._shown()} where ) is expected")
        self._at += 1
        return inner

    def _metric(self) -> Metric:
        first = self._name()
        if self._next.text != ".":
            return Metric(first)
        self._at += 1
        found = Metric(self._name(), first)
        if self._next.text == ".":
            raise self._wrong("has a name with two dots; a name that holds a dot is put in backticks")
        return found

    def _name(self) -> str:
        if self._next.kind != "name" or self._next.text == "and" or self._next.text in _WORDS:
            raise self._wrong(f"has {self._shown()} where a name is expected")
        text = self._take()
        return text[1:-1].replace("``", "`") if text.startswith("`") else text

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1].text

    def _shown(self) -> str:
        return self._next.text or "its end"

    def _wrong(self, what: str) -> CommandError:
        return CommandError(f"the gate {self._text.strip() or '(empty)'} {what}", _HINT)
