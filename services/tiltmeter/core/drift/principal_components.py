"""Principal components of a small symmetric matrix, the same bits on every machine."""

from __future__ import annotations

import math

import numpy as np

from tiltmeter.events.columns import Float64

#: Each sweep squares what is left off the diagonal once it is small; ten are plenty for 50 features.
_SWEEPS, _DONE = 30, 1e-12
#: The components of the reference hold so much of its variance.
VARIANCE = 0.65
_DIGITS = 6


def eigenvectors(matrix: Float64) -> tuple[Float64, Float64]:
    """(eigenvalues float64[d], largest first; eigenvectors float64[d, d], in columns) of a symmetric matrix.

    Cyclic Jacobi rotations (Jacobi 1846). Slower than LAPACK, 0.2 s for d = 50, but every operation is one IEEE
    addition, multiplication, division or square root in a fixed order: a reference built from the same rows
    has the same id wherever it is built. The largest entry of each vector is positive.
    """
    a, d = matrix.astype(np.float64).copy(), matrix.shape[0]
    vectors = np.eye(d)
    for _ in range(_SWEEPS):
        if float(np.abs(np.triu(a, 1)).max(initial=0.0)) <= _DONE:
            break
        for p in range(d - 1):
            for q in range(p + 1, d):
                if abs(a[p, q]) > _DONE:
                    _rotate(a, vectors, p, q)
    order = np.argsort(-a.diagonal(), kind="stable")
    vectors = vectors[:, order]
    signs = np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(d)] < 0, -1.0, 1.0)
    return a.diagonal()[order].copy(), vectors * signs


def _rotate(a: Float64, vectors: Float64, p: int, q: int) -> None:
    """Make a[p, q] zero, in place (Golub & Van Loan, algorithm 8.4.1)."""
    ratio = float((a[q, q] - a[p, p]) / (2.0 * a[p, q]))
    tangent = math.copysign(1.0, ratio) / (abs(ratio) + math.sqrt(1.0 + ratio * ratio))
    cosine = 1.0 / math.sqrt(1.0 + tangent * tangent)
    sine = tangent * cosine
    for columns in (a, vectors):
        left, right = columns[:, p].copy(), columns[:, q].copy()
        columns[:, p], columns[:, q] = cosine * left - sine * right, sine * left + cosine * right
    above, below = a[p].copy(), a[q].copy()
    a[p], a[q] = cosine * above - sine * below, sine * above + cosine * below


def main_components(moments: Float64) -> Float64:
    """float64[d, k]: the fewest components that hold :data:`VARIANCE` of the trace, at least one, rounded to
    six decimals: what is left after a projection is defined by the rounded numbers."""
    values, vectors = eigenvectors(moments)
    held = np.cumsum(np.maximum(values, 0.0))
    k = 1 + int(np.count_nonzero(held[:-1] < VARIANCE * held[-1]))
    return np.round(vectors[:, :k], _DIGITS) + 0.0


def reconstruction_error(moments: Float64, components: Float64) -> float:
    """tr((I - V V') M): the mean squared distance of rows from their reconstruction by the components, from the
    second moments M of the rows alone; V need not be exactly orthonormal, then it is tr((I - VV') M (I - VV')).
    """
    residual = np.eye(moments.shape[0]) - components @ components.T
    return float(np.trace(residual @ moments @ residual))
