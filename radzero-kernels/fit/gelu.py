"""Fits the polynomial with which src/math.rs computes GELU, and prints its coefficients and error.

    pip install numpy scipy
    python gelu.py

The lower tail of the normal distribution is Phi(-z) = exp(-z^2 / 2) q(z) for z >= 0, where q(z) = erfcx(z / sqrt 2) / 2 falls
smoothly from 1/2 to 0. A polynomial in u = 1 / (1 + STEEPNESS z), which maps z to (0, 1], follows q closely without a constant
term. It is fitted at Chebyshev nodes, weighted for the smallest relative error, then evaluated in 32 bits.
"""

import numpy as np
from scipy.special import erfc, erfcx

STEEPNESS = 0.25
DEGREE = 10


def fit(steepness, degree):
    nodes = 0.5 + 0.5 * np.cos(np.pi * (np.arange(4000) + 0.5) / 4000)
    u = nodes[nodes > 1 / (1 + steepness * 14)]
    z = (1 / u - 1) / steepness
    q = erfcx(z / np.sqrt(2)) / 2
    weights = np.ones_like(u)
    powers = u[:, None] ** np.arange(1, degree + 1)
    for _ in range(60):  # Lawson's iteration: towards the smallest maximum of the relative error
        scale = np.sqrt(weights) / q
        coefficients = np.linalg.lstsq(powers * scale[:, None], q * scale, rcond=None)[0]
        error = np.abs(powers @ coefficients / q - 1)
        weights *= error + 1e-30
        weights /= weights.sum()
    return coefficients, error.max()


def gelu_32(x, coefficients):
    f = np.float32
    x = x.astype(f)
    z = np.abs(x)
    u = f(1) / (f(1) + f(STEEPNESS) * z)
    q = np.zeros_like(u)
    for c in coefficients[::-1]:
        q = q * u + f(c)
    tail = z * (q * u) * np.exp(f(-0.5) * z * z)
    return np.where(x > 0, x - tail, -tail)


def main():
    coefficients, error = fit(STEEPNESS, DEGREE)
    print(f"steepness {STEEPNESS}, degree {DEGREE}: relative error of the fit {error:.1e}")
    for coefficient in coefficients:
        print(f"    {np.float32(coefficient):.9g},")
    x = np.linspace(-12, 12, 2_400_001).astype(np.float32).astype(np.float64)
    exact = x * 0.5 * erfc(-x / np.sqrt(2))
    found = gelu_32(x, coefficients)
    print(f"GELU in 32 bits: greatest absolute error {np.abs(found - exact).max():.1e}")


if __name__ == "__main__":
    main()
