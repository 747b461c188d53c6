"""Training activations at hand, of all concepts of a run, within the room that the disk has."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from runners.fitting.training import Training


class Place(NamedTuple):
    """Whose activations: two names of one variant are one place."""

    dataset_id: str
    variant_id: str
    read: str


@dataclass
class Shelf:
    """Activations that are needed again; whoever no longer finds some reads the prompts again."""

    _held: dict[Place, Training] = field(default_factory=dict)

    def get(self, place: Place) -> Training | None:
        """Return what is held there."""
        return self._held.get(place)

    def put(self, place: Place, training: Training) -> None:
        """Hold activations until they are dropped."""
        self.drop(place)
        self._held[place] = training

    def drop(self, *places: Place) -> None:
        """Let go of what is held at these places."""
        for place in places:
            if held := self._held.pop(place, None):
                held.close()

    def drop_dataset(self, dataset_id: str, keep: Collection[str] = ()) -> None:
        """Let go of everything about a dataset but what was read under the variant_ids `keep`."""
        about = [place for place in self._held if place.dataset_id == dataset_id]
        self.drop(*(place for place in about if place.variant_id not in keep))

    def make_room(self, folder: Path, size: int) -> None:
        """Let go of what was read longest ago until `size` bytes leave as much again for results.

        What does not fit even so is refused where it is written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        while self._held and shutil.disk_usage(folder).free < 2 * size:
            self.drop(next(iter(self._held)))
