"""What rows have in common, in words: ``plan=premium``, ``age>=30``; decided on columns of Arrow."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import CommandError

_FORM = re.compile(r"\s*(?P<column>.+?)\s*(?P<sign><=|>=|!=|<|>|=)\s*(?P<value>.*?)\s*", re.DOTALL)
_COMPARED = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


class Condition(NamedTuple):
    """The rows whose value in a column is as told.

    Attributes
    ----------
    column
        The column.
    sign
        One of ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``.
    value
        What it is compared with.
    """

    column: str
    sign: str
    value: str

    def __str__(self) -> str:
        return f"{self.column}{self.sign}{self.value}"

    def holds(self, values: Any) -> Any:
        """Tell of each value of an array of Arrow whether it is as told, without nulls; a missing one is not.

        Raises
        ------
        CommandError
            When the column's values cannot be compared so.
        """
        kind = values.type
        if pa.types.is_dictionary(kind):
            return self.holds(values.cast(kind.value_type))
        if pa.types.is_null(kind):
            return pa.array([False] * len(values), pa.bool_())
        if pa.types.is_timestamp(kind) and self.sign not in {"=", "!="}:
            return _COMPARED[self.sign](values, self._moment(kind)).fill_null(False)  # noqa: FBT003 -- Arrow's
        if pa.types.is_boolean(kind):
            values = values.cast(pa.int8())
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            if self.sign not in {"=", "!="}:
                raise CommandError(f"{self.column} holds text, which is equal or not", f"{self.column}={self.value}")
            return _COMPARED[self.sign](values.cast(pa.string()), self.value).fill_null(False)  # noqa: FBT003 -- Arrow's
        if pa.types.is_integer(kind) and (whole := self._whole(kind)) is not None:
            # Of ids beyond 2^53 a floating number is another.
            return _COMPARED[self.sign](values, whole).fill_null(False)  # noqa: FBT003 -- Arrow's
        numbers = values.cast(pa.float64(), safe=False)
        there = pc.invert(pc.is_null(numbers, nan_is_null=True))
        return pc.and_(_COMPARED[self.sign](numbers, self._number()).fill_null(False), there)  # noqa: FBT003 -- Arrow's

    def _moment(self, kind: pa.DataType) -> pa.Scalar:
        try:
            return pa.scalar(self.value).cast(kind)
        except pa.ArrowInvalid:
            moment = "2026-01-31T12:00" + ("" if kind.tz is None else "Z")
            raise CommandError(
                f"{self.column} holds times, and {self.value!r} is none", f"{self.column}>={moment}"
            ) from None

    def _whole(self, kind: pa.DataType) -> pa.Scalar | None:
        try:
            return pa.scalar(int(self.value), kind)
        except (ValueError, OverflowError, pa.ArrowInvalid):
            return None

    def _number(self) -> float:
        lowered = self.value.lower()
        if lowered in {"true", "false"}:
            return float(lowered == "true")
        try:
            return float(self.value)
        except ValueError:
            raise CommandError(
                f"{self.column} holds numbers, and {self.value!r} is none", f"{self.column}>=30"
            ) from None


def parsed(text: str) -> Condition:
    """Return the condition that a text names.

    Raises
    ------
    CommandError
        When it names none.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise CommandError(f"{text} names no segment", "--segment plan=premium, or --segment 'age>=30'")
    return Condition(found["column"], found["sign"], found["value"].strip("'\""))
