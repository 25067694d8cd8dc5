"""Evidence that may be looked at every night: e-processes, whose chance of ever exceeding 1 / alpha is at most alpha where the
model is right (Ville's inequality).

Sources: Ramdas, Grünwald, Vovk and Shafer 2023, Game-theoretic statistics and safe anytime-valid inference (arXiv 2210.01948);
Robbins 1970, Statistical methods related to the law of the iterated logarithm (mixtures). All logarithms are natural.
"""

import math
from collections.abc import Mapping

from scipy.optimize import brentq
from scipy.special import gammaln

PRIOR_CLAIMS = 25.0
"""The alternative level is gamma distributed with mean 1 and standard deviation 1 / sqrt(25) = 20 %: what is looked for most."""
SHRINK_CLAIMS = 20.0
"""A band's own level counts like the book's until it has so many expected claims."""
_FAR = 1e6
LARGEST_LOG = 700.0
"""exp of more is not a number."""
Counts = Mapping[int, float]
"""By band."""


def to_one(log_evidence: float) -> float:
    """The evidence as n to 1."""
    return math.exp(min(log_evidence, LARGEST_LOG))


def level_evidence(claims: float, expected: float) -> float:
    """ln of the mixture likelihood ratio that claims are Poisson with another mean than `expected`.

    The integral over r ~ gamma(k, k) of r^N exp(-(r - 1) E) is e^E k^k / G(k) * G(k + N) / (k + E)^(k + N).
    """
    k = PRIOR_CLAIMS
    return float(expected + k * math.log(k) - gammaln(k) + gammaln(k + claims) - (k + claims) * math.log(k + expected))


def off_evidence(claims: float, expected: float, effect: float) -> float:
    """ln of the evidence that the level is off by more than `effect`, relative: against the level within it that the claims speak
    least against. So its chance of ever exceeding 1 / alpha is at most alpha for every level within `effect` of 1."""
    if expected <= 0:
        return level_evidence(claims, expected)
    nearest = min(max(claims / expected, 1 - effect), 1 + effect)
    return level_evidence(claims, nearest * expected)


def level_interval(claims: float, expected: float, alpha: float) -> tuple[float, float]:
    """Levels of actual over expected that the evidence does not speak against by 1 / alpha: a confidence sequence, so the chance
    that it ever misses the true one is at most alpha. (0, inf) where nothing was expected."""
    if expected <= 0:
        return 0.0, math.inf
    limit, best = math.log(1 / alpha), max(claims, 0.5) / expected

    def beyond(level: float) -> float:
        return level_evidence(claims, level * expected) - limit

    upper = brentq(beyond, best, best + _FAR / expected)
    return (brentq(beyond, 1e-12, best) if claims > 0 and beyond(1e-12) > 0 else 0.0), float(upper)


def shape_increment(claims: Counts, expected: Counts, before: Mapping[int, tuple[float, float]]) -> float:
    """ln of the likelihood ratio of the bands that new claims fell into, given how many there were.

    The alternative is what was learned before them: each band's actual over expected of `before`, (claims, expected) by band,
    drawn towards the book's. So it is predictable, and the product over the nights is an e-process whatever the book's level.
    """
    n, total = sum(claims.values()), sum(expected.values())
    if n == 0 or total <= 0:
        return 0.0
    learned = learned_levels(before)
    levels = {b: learned.get(b, 1.0) for b in expected}
    mean = sum(expected[b] * levels[b] for b in expected) / total
    return sum(claims.get(b, 0) * math.log(levels[b] / mean) for b in expected)


def learned_levels(before: Mapping[int, tuple[float, float]]) -> dict[int, float]:
    """By band, its actual over expected relative to the book's, drawn towards 1."""
    claims, expected = (sum(x[i] for x in before.values()) for i in (0, 1))
    if claims <= 0 or expected <= 0:
        return {}
    r = claims / expected
    return {b: (n + SHRINK_CLAIMS) / (e * r + SHRINK_CLAIMS) for b, (n, e) in before.items()}


def pair_increment(claims: float, log_ratios: float, challenger: float, champion: float) -> float:
    """ln of the likelihood ratio of whom new claims fell on, given how many there were: challenger over champion.

    `log_ratios` is the sum over the claims of ln(challenger's frequency / champion's) of the cover they fell on; `challenger`
    and `champion` are the claims that each expected of all covers. Levels cancel, and with them claims not reported yet. Twice
    the sum over the nights is the Poisson deviance that the challenger saves when both are set to the level of the claims.
    """
    if claims <= 0 or challenger <= 0 or champion <= 0:
        return 0.0
    return log_ratios - claims * math.log(challenger / champion)
