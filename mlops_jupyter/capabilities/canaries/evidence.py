"""Evidence against a canary that may be looked at as often as one likes.

An e-value is a number whose mean is at most 1 while the canary is no worse than what it stands beside. A product of
e-values of windows that follow one another is a non-negative supermartingale then, so the chance that it ever reaches
1/a is at most a, however often it is looked at and whenever one stops (Ville's inequality; R. Johari, P. Koomen, L.
Pekelis, D. Walsh, "Always valid inference", Operations Research 70 (2022) 1806-1821; A. Ramdas, P. Grünwald, V. Vovk,
G. Shafer, "Game-theoretic statistics and safe anytime-valid inference", Statistical Science 38 (2023) 576-601).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

# How many times as often something bad may happen to a canary that is as bad as this: the mixture is over all of them,
# and over one that bets on nothing.
_RATIOS = (1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
# Before each window so much of the wealth is shared out anew between them. What fits many windows may not fit one, as
# when all fails for a while, and others have nothing left by then, as what a window adds is cut.
_SHARED = 0.01
_NONE = tuple(0.0 for _ in _RATIOS)


class Window(NamedTuple):
    """What happened to a canary and beside it in one window.

    Attributes
    ----------
    bad, of
        How many of the canary's were bad, of how many.
    bad_beside, of_beside
        The same of what it stands beside.
    """

    bad: int
    of: int
    bad_beside: int
    of_beside: int


class Evidence(NamedTuple):
    """What speaks against a canary so far.

    Attributes
    ----------
    wealth
        The logarithm of the e-value for each ratio of the mixture, so far.
    """

    wealth: tuple[float, ...] = _NONE

    @property
    def log_value(self) -> float:
        """The logarithm of the e-value."""
        return _mean(self.wealth)

    def and_(self, window: Window, tolerated: float, most: float) -> Evidence:
        """Return the evidence with one more window.

        Of the bad ones of a window, how many are the canary's is binomial with its share of all, given their number,
        when bad things happen as often to either (J. Przyborowski, H. Wilenski, Biometrika 31 (1940) 313-323: of
        Poisson counts; of shares that are not small it is hypergeometric, which varies less). The e-value is the
        likelihood ratio of "so many times as often" to "as often as is tolerated", mixed over several ratios, between
        which wealth moves (M. Herbster, M. K. Warmuth, "Tracking the best expert", Machine Learning 32 (1998) 151-178):
        whoever bets may move it, so it is an e-value still.

        Parameters
        ----------
        window
            What happened.
        tolerated
            How many times as often is still no reason to roll back: 1 or more.
        most
            The most that one window may add to the logarithm: things that happen together, as in a pause, are no
            independent observations. An e-value that is cut is an e-value still.
        """
        if not window.of or not window.of_beside:
            return self
        share = window.of / (window.of + window.of_beside)
        usual = _odds(share, tolerated)
        added = []
        for ratio in _RATIOS:
            other = _odds(share, tolerated * ratio)
            added.append(window.bad * math.log(other / usual) + window.bad_beside * math.log((1 - other) / (1 - usual)))
        total = self.log_value + math.log(_SHARED)
        shared = [_sum((one + math.log1p(-_SHARED), total)) for one in self.wealth]
        wealth = tuple(before + more for before, more in zip(shared, added, strict=True))
        over = _mean(wealth) - self.log_value - most
        return Evidence(tuple(one - over for one in wealth) if over > 0 else wealth)


def of_means(difference: float, error: float, least: float) -> float:
    """Return the logarithm of an e-value against a mean difference of 0 or less, by a normal mixture.

    Asymptotic: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, "Time-uniform central limit theory and
    asymptotic confidence sequences", Annals of Statistics 52 (2024) 2613-2640; the mixture is H. Robbins', Annals of
    Mathematical Statistics 41 (1970) 1397-1409.

    Parameters
    ----------
    difference, error
        The difference of two means so far, and its standard error.
    least
        The standard error for which the mixture is tuned, that of the fewest observations that decide.
    """
    if difference <= 0 or error <= 0:
        return 0.0
    information = (least / error) ** 2
    z = difference / error
    return 0.5 * (z * z * information / (1 + information) - math.log1p(information))


def _odds(share: float, ratio: float) -> float:
    return share * ratio / (1 - share + share * ratio)


def _sum(logs: Sequence[float]) -> float:
    highest = max(logs)
    return highest + math.log(sum(math.exp(one - highest) for one in logs))


def _mean(logs: Sequence[float]) -> float:
    return _sum(logs) - math.log(len(logs))
