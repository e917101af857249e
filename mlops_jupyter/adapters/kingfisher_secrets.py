"""Secrets in text, by Kingfisher's rules and a few of ours; it asks nobody whether a token is good."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from kingfisher_sdk import Finding, Rules, Scanner

from ..capabilities import lasting_processes
from ..errors import ConfigurationError
from ..protocols import SecretMatch

_RULES = Path(__file__).with_name("kingfisher_rules.yml")
_OURS = "custom."
_TRUST = {"high": 0, "medium": 1, "low": 2}


class KingfisherSecrets:
    """Kingfisher in this process. Its rules are compiled once a machine, for seconds, and then lie in its cache."""

    def prepare(self) -> None:
        """Have the rules compiled by a process that outlives this one: a short one would end before it has them."""
        lasting_processes.start([sys.executable, "-P", "-m", __name__], subprocess.DEVNULL)

    def scan(self, content: bytes) -> tuple[SecretMatch, ...]:
        """Return what looks like a secret, in order; of several findings in one place the surest."""
        try:
            found = [finding for finding in _scanner().scan(content) if finding.visible]
        except (OSError, RuntimeError, ValueError) as error:
            # What it says may show what it was looking at.
            raise ConfigurationError(
                f"Kingfisher cannot look for secrets here: {type(error).__name__}",
                "pip install --force-reinstall kingfisher-secret-scanner",
            ) from None
        taken: list[SecretMatch] = []
        for finding in sorted(found, key=_surest_first):
            start, end = finding.location["start_offset"], finding.location["end_offset"]
            if all(end <= other.start or other.end <= start for other in taken):
                taken.append(SecretMatch(_kind(finding.rule_id), start, end))
        return tuple(sorted(taken, key=lambda match: match.start))


def _surest_first(finding: Finding) -> tuple[bool, int, int, str]:
    # A provider's own rule says more than the name beside the secret.
    rule = finding.rule_id
    return rule.startswith(_OURS), _TRUST.get(finding.confidence, len(_TRUST)), finding.location["start_offset"], rule


def _kind(rule_id: str) -> str:
    """Make words of a rule's id: ``betterleaks.github-pat`` is a ``github pat``."""
    return re.split(r"[./]", rule_id)[-1].replace("-", " ").replace("_", " ")


@cache
def _scanner() -> Scanner:
    return Scanner(Rules([_RULES]))


if __name__ == "__main__":
    KingfisherSecrets().scan(b"")
