"""label_shuffled: a null that keeps all of a fit but which completion is the positive one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runners.fitting.draws import label_signs


def label_shuffled(
    differences: np.ndarray, questions: Sequence[str], seed: int, resample: int
) -> np.ndarray:
    """Return the mean difference after the labels of whole questions are exchanged at random.

    `differences` is float [items, d_model], positive minus negative, with the question_id of each.
    The caller scales it by the fitted vector's norm FACTOR, never to its length: a shuffle scaled
    up to the fitted length would be that vector again for a clean concept (DESIGN 7).
    """
    names = sorted(set(questions))
    sign = dict(zip(names, label_signs(seed, resample, names), strict=True))
    signs = np.array([sign[question] for question in questions])
    vector: np.ndarray = (signs[:, None] * differences.astype(np.float64)).mean(0)
    return vector
