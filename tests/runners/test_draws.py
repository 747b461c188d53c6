from __future__ import annotations

import numpy as np

from runners.fitting.draws import gaussian_direction, label_signs


def test_directions_are_unit_and_keyed_by_everything() -> None:
    base = gaussian_direction(0, 0, 3, "v", 64)
    assert abs(np.linalg.norm(base) - 1) < 1e-12
    assert np.array_equal(base, gaussian_direction(0, 0, 3, "v", 64))
    for other in (
        gaussian_direction(1, 0, 3, "v", 64),
        gaussian_direction(0, 1, 3, "v", 64),
        gaussian_direction(0, 0, 4, "v", 64),
        gaussian_direction(0, 0, 3, "w", 64),
    ):
        assert abs(base @ other) < 0.6


def test_signs_do_not_depend_on_the_order_of_questions() -> None:
    names = [f"q{i}" for i in range(400)]
    signs = dict(zip(names, label_signs(0, 2, names), strict=True))
    backwards = dict(zip(names[::-1], label_signs(0, 2, names[::-1]), strict=True))
    assert signs == backwards
    assert set(signs.values()) == {1.0, -1.0}
    assert 140 < sum(value > 0 for value in signs.values()) < 260
    assert list(label_signs(0, 3, names)) != list(signs.values())
