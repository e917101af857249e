"""Completion in bash of words that bash cuts: ``models:/ch`` is three words to it, ``churn@ch`` three others."""

from __future__ import annotations

import os
from typing import Any

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

# The line up to the cursor comes whole, with the signs at which this bash cuts words.
_SOURCE = """\
%(complete_func)s() {
    local IFS=$'\\n'
    local type value completion

    for completion in $(env MLOPS_LINE="${COMP_LINE:0:COMP_POINT}" MLOPS_BREAKS="$COMP_WORDBREAKS" \
%(complete_var)s=bash_complete $1); do
        IFS=',' read -r type value <<< "$completion"
        if [[ $type == 'dir' ]]; then
            COMPREPLY=()
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            COMPREPLY=()
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=("$value")
        fi
    done
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class BashWords(BashComplete):
    """Completes the word under the cursor as it was typed, and answers with the part that bash puts in its place."""

    source_template = _SOURCE
    _cut = 0

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("MLOPS_LINE")
        if line is None:
            # A shell that was told how by an earlier version says its words as click wants them.
            return super().get_completion_args()
        words = split_arg_string(line)
        begun = "" if not words or line[-1:].isspace() else words.pop()
        # Between quotes bash cuts nothing.
        if not line.rpartition(" ")[2].startswith(("'", '"')):
            self._cut = _last_break(begun, os.environ.get("MLOPS_BREAKS", ""))
        return words[1:], begun

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{item.value[self._cut :]}"


def _last_break(begun: str, breaks: str) -> int:
    """Return where the piece of a value begins that bash takes for the word."""
    # The values of an option are completed without its name, in --name=churn too.
    value = begun.partition("=")[2] if begun.startswith("-") else begun
    at = max(value.rfind(sign) for sign in breaks or " ")
    # Which it leaves before the word, as a variable's dollar sign.
    return at if value[at : at + 1] == "@" else at + 1


def register() -> None:
    """Have click complete in bash by this."""
    add_completion_class(BashWords)
