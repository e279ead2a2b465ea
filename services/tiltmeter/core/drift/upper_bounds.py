"""Upper confidence bounds of a mean that a reference knows from a sample only.

A detector's null starts at such a bound plus a tolerance. With the plain sample mean instead, an unlucky
reference would alarm for ever.
"""

from __future__ import annotations

import math

from scipy.special import betaincinv

#: One-sided.
CONFIDENCE = 0.995


def clopper_pearson_upper(errors: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Upper bound of a probability after ``errors`` in ``n`` trials (Clopper & Pearson 1934); 1 if n = 0."""
    if not 0 <= errors <= n:
        raise ValueError(f"{errors} errors in {n} trials")
    if errors == n:
        return 1.0
    return float(betaincinv(errors + 1, n - errors, confidence))


def empirical_bernstein_upper(n: int, total: float, squares: float, confidence: float = CONFIDENCE) -> float:
    """Upper bound of the mean of [0, 1] values from n, their sum and their sum of squares; 1 if n < 2.

    mean + sqrt(2 v L / n) + 7 L / (3 (n - 1)), v the unbiased variance, L = ln(2 / (1 - confidence)): Maurer
    & Pontil 2009, theorem 4.
    """
    if n < 2:
        return 1.0
    mean = total / n
    variance = max(squares - n * mean * mean, 0.0) / (n - 1)
    log_term = math.log(2.0 / (1.0 - confidence))
    return min(1.0, mean + math.sqrt(2.0 * variance * log_term / n) + 7.0 * log_term / (3.0 * (n - 1)))
