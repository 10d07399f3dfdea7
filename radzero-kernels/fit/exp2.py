"""Fits the polynomial with which src/math.rs computes powers of 2, and prints its coefficients and error.

    pip install numpy
    python exp2.py

2^r for r from -1/2 to 1/2, with a constant term of 1, so that 2^0 is exact. Fitted for the smallest relative error, then
evaluated in 32 bits, rounding each step once.
"""

import numpy as np

DEGREE = 6


def fit(degree):
    r = np.linspace(-0.5, 0.5, 20_001)
    exact = 2.0**r
    weights = np.ones_like(r)
    powers = r[:, None] ** np.arange(1, degree + 1)
    for _ in range(200):  # Lawson's iteration: towards the smallest maximum of the relative error
        scale = np.sqrt(weights) / exact
        coefficients = np.linalg.lstsq(powers * scale[:, None], (exact - 1) * scale, rcond=None)[0]
        error = np.abs((1 + powers @ coefficients) / exact - 1)
        weights *= error + 1e-30
        weights /= weights.sum()
    return [1.0, *coefficients], error.max()


def main():
    coefficients, error = fit(DEGREE)
    print(f"degree {DEGREE}: relative error of the fit {error:.1e}")
    coefficients = [np.float32(coefficient) for coefficient in reversed(coefficients)]
    for coefficient in coefficients:
        print(f"    {coefficient:.9g},")
    r = np.linspace(-0.5, 0.5, 2_000_001).astype(np.float32)
    found = np.full_like(r, coefficients[0])
    for coefficient in coefficients[1:]:
        found = (found.astype(np.float64) * r + float(coefficient)).astype(np.float32)
    print(f"in 32 bits: greatest relative error {np.abs(found / 2.0 ** r.astype(np.float64) - 1).max():.1e}")


if __name__ == "__main__":
    main()
