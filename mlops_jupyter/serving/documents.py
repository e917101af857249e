"""A body that is JSON: parsed within the limits, and refused in words that hold nothing of it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import orjson

from mlops_jupyter.capabilities.endpoints import Limits

from .failures import Failure, malformed, too_much

# A step down for an opening bracket, up for a closing one.
_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[[ord("["), ord("{")]] = 1
_STEPS[[ord("]"), ord("}")]] = -1
_SHORT = 4_096
_NO_BRACKETS = bytes(one for one in range(256) if one not in b"[]{}")
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_NUMBER = re.compile(rb"\b(?:NaN|Infinity)\b")


def parsed(body: bytes, limits: Limits) -> Any:
    """Return what a JSON body holds.

    Raises
    ------
    Failure
        When it is too large, nested too deeply, or no JSON.
    """
    if len(body) > limits.body_bytes:
        raise too_large(limits)
    if is_too_deep(body, limits):
        raise malformed(f"the JSON is nested deeper than {limits.depth} levels, the most that this endpoint takes")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _no_json(body, error) from None


def too_large(limits: Limits) -> Failure:
    """Say that a body is larger than it may be."""
    return too_much(f"the body is larger than {limits.body_bytes} bytes, the most that this endpoint takes")


def is_too_deep(body: bytes, limits: Limits) -> bool:
    """Tell whether JSON is nested too deeply.

    Brackets in texts count too at first, since texts cost time to take out: they can make a body look deeper, and
    then a second look decides; where closing ones make it look less deep, orjson stops at 1,024 levels.
    """
    # As many brackets as levels are allowed cannot make more levels: true of most short requests, and cheap to see.
    if len(body) <= _SHORT and body.count(b"[") + body.count(b"{") <= limits.depth:
        return False
    return _depth(body) > limits.depth and _depth(_TEXT.sub(b"", body)) > limits.depth


def _depth(body: bytes) -> int:
    brackets = np.frombuffer(body.translate(None, _NO_BRACKETS), dtype=np.uint8)
    return int(_STEPS[brackets].cumsum(dtype=np.int32).max(initial=0))


def _no_json(body: bytes, error: orjson.JSONDecodeError) -> Failure:
    if _NO_NUMBER.search(_TEXT.sub(b"", body)):
        return malformed("NaN and Infinity are no JSON: send null for a missing value")
    if not body:
        return malformed("the body is empty, not JSON")
    return malformed(f"the body is not valid JSON: line {error.lineno}, column {error.colno}")
