"""The coefficients of the filters of whole tracks."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stream3d.errors import SettingsError

Float64 = npt.NDArray[np.float64]

_PASSES = 2


def butterworth_sections(*, cutoff_hz: float, rate_hz: float, order: int) -> Float64:
    """Sections [S, 5] (b0, b1, b2, a1, a2) of a Butterworth low-pass that is to run forwards and backwards.

    ``order`` is that of both passes together, as the field counts it (Winter, Biomechanics and Motor Control of Human
    Movement, 4th edition, page 69): 4 is a filter of second order run twice. Two passes would bring the
    frequency at which half the power is left down to 0.802 ``cutoff_hz`` (order 4), so each pass has its warped cut-off
    raised by 1 / (2^(1/2) - 1)^(1 / order): together they halve the power at ``cutoff_hz`` itself.

    Raises:
        SettingsError: the order is odd or not from 2 to 12, or the cut-off not below half the rate.
    """
    if order % 2 or not 2 <= order <= 12:
        raise SettingsError(f"the order of both passes together must be an even number from 2 to 12, not {order}")
    if not 0.0 < cutoff_hz < rate_hz / 2:
        raise SettingsError(
            f"a cut-off of {cutoff_hz:g} Hz needs more than {2 * cutoff_hz:g} frames a second, and these tracks have "
            f"{rate_hz:.3g}; choose a lower one"
        )
    each = order // _PASSES
    raised = (2.0 ** (1.0 / _PASSES) - 1.0) ** (1.0 / (2 * each))
    k = math.tan(math.pi * cutoff_hz / rate_hz) / raised
    sections = [_second_order(k, 2.0 * math.sin(math.pi * (2 * i + 1) / (2 * each))) for i in range(each // 2)]
    if each % 2:
        sections.append((k / (1 + k), k / (1 + k), 0.0, (k - 1) / (1 + k), 0.0))
    return np.array(sections)


def _second_order(k: float, damping: float) -> tuple[float, float, float, float, float]:
    """A pair of poles through the bilinear transform; ``k`` is the warped cut-off, ``damping`` 1 / Q."""
    scale = 1.0 / (1.0 + damping * k + k * k)
    gain = k * k * scale
    return gain, 2.0 * gain, gain, 2.0 * (k * k - 1.0) * scale, (1.0 - damping * k + k * k) * scale


def polynomial_hat(window: int, degree: int) -> Float64:
    """The projection [W, W] of ``window`` even samples onto polynomials of ``degree``; its middle row is the filter.

    Savitzky and Golay, Smoothing and Differentiation of Data by Simplified Least Squares Procedures, 1964.

    Raises:
        SettingsError: the window is even, or not larger than the degree.
    """
    if window % 2 == 0 or degree < 0 or window <= degree:
        raise SettingsError(f"a window must be odd and larger than the degree {degree} >= 0, not {window} samples")
    powers = np.linspace(-1.0, 1.0, window)[:, None] ** np.arange(degree + 1)
    basis, _ = np.linalg.qr(powers)
    return np.asarray(basis @ basis.T)
