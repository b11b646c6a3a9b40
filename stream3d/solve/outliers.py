"""Samples of a whole track that neither their past nor their future expects."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.kernels.kalman_bank import BEGUN, REJECTED, KalmanModel, empty_state, fates_of

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


def outliers(times: Float64, values: Float64, *, noise: Float64, scale: Float64, model: KalmanModel) -> Bool:
    """Which samples bool [T, P] of ``values`` [T, P, A] the gate of a Kalman filter rejects from both sides.

    The filter runs forwards and backwards. A jump that stays is rejected for a while by each, but on different sides of
    it, and is kept; what is rejected by one and where the other has just begun (at the ends) is an outlier too.
    ``noise`` [T, P] is the standard deviation of the values, ``scale`` [T] how many of their units are one of the
    model's. At most ``model.max_rejected`` samples in a row are found.
    """
    ahead = _fates(times, values, noise, scale, model)
    back = _fates(-times[::-1], values[::-1], noise[::-1], scale[::-1], model)[::-1]
    doubted = np.isin(ahead, (REJECTED, BEGUN)) & np.isin(back, (REJECTED, BEGUN))
    return np.asarray(doubted & ((ahead == REJECTED) | (back == REJECTED)))


def _fates(
    times: Float64, values: Float64, noise: Float64, scale: Float64, model: KalmanModel
) -> npt.NDArray[np.int64]:
    seen = values.copy(), noise.copy(), scale.copy()  # of one memory order, whichever way they come
    return np.asarray(fates_of(seen, times.copy(), model.rules, empty_state(1, *values.shape[1:])))
