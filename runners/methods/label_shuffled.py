"""label_shuffled: a null that keeps all of a fit but which completion is the positive one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runners.fitting.draws import label_signs
from runners.methods.pairs import Pairs


def label_shuffled(pairs: Pairs, questions: Sequence[str], seed: int, resample: int) -> Pairs:
    """Return the training pairs after the labels of whole questions are exchanged at random.

    `questions` is the question_id of each item. What is fitted on them is the null of any method;
    the caller scales it by the fitted vector's norm FACTOR, never to its length: a shuffle scaled
    up to the fitted length would be that vector again for a clean concept.
    """
    names = sorted(set(questions))
    sign = dict(zip(names, label_signs(seed, resample, names), strict=True))
    return pairs.exchanged(np.array([sign[question] for question in questions]))
