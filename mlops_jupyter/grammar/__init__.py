"""One grammar for every face: a verb's function, its click command, a line of words and its completion."""

from __future__ import annotations

from .building import REPORTER, Call, command, find_verb, path_parameters, source_parameter, verb_function
from .line import HelpAsked, answered, complete, confirm, help_text, parse, usage_error
from .values import call_with, describe, describe_all, suggestions
from .words import LiveText, expand, split

__all__ = [
    "REPORTER",
    "Call",
    "HelpAsked",
    "LiveText",
    "answered",
    "call_with",
    "command",
    "complete",
    "confirm",
    "describe",
    "describe_all",
    "expand",
    "find_verb",
    "help_text",
    "parse",
    "path_parameters",
    "source_parameter",
    "split",
    "suggestions",
    "usage_error",
    "verb_function",
]
