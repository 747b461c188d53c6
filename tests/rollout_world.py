"""A warehouse of made-up rollouts, for what scores them and what asks of the scores.

Nothing was sampled: texts and scores are what a test says. `World.write` adds all to a warehouse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import duckdb

from warehouse.relations import GRAIN, arrow_table


def identity(*words: object) -> str:
    return hashlib.sha256(" ".join(map(str, words)).encode()).hexdigest()[:16]


Text = Callable[[str, int], str]
"""Prompt and sample -> continuation."""


class World:
    """Rows of relations, by relation and key."""

    def __init__(self, experiment: str = "e", prompts: Sequence[str] = ("I think", "")) -> None:
        self.experiment, self.prompts = experiment, tuple(prompts)
        self.rows: dict[str, dict[Any, dict[str, Any]]] = {}

    def add(self, relation: str, **row: Any) -> None:
        key = tuple(row.get(column) for column in GRAIN[relation])
        self.rows.setdefault(relation, {})[key] = row

    def write(self, connection: duckdb.DuckDBPyConnection) -> None:
        for relation, some in self.rows.items():
            written = arrow_table(relation, list(some.values()))  # noqa: F841, read by its name
            connection.execute(f"insert into {relation} by name from written")
        self.rows.clear()

    def concept(self, name: str) -> str:
        dataset_id = identity("dataset", name)
        self.add("dataset", dataset_id=dataset_id, kind="texts", n_items=0, n_questions=0)
        self.add("name", kind="concept", id=dataset_id, name=name)
        return dataset_id

    def evaluation(self, model: str = "m") -> str:
        model_id, set_id = identity("model", model), identity("set", *self.prompts)
        self.add("model", model_id=model_id, source=f"hub:{model}", dtype="float32")
        self.add("name", kind="model", id=model_id, name=model)
        self.add("prompt_set", prompt_set_id=set_id, n_prompts=len(self.prompts))
        self.add("name", kind="prompt_set", id=set_id, name="openings")
        for row, prompt in enumerate(self.prompts):
            prompt_id = identity("prompt", prompt)
            self.add("prompt", prompt_id=prompt_id, prompt=prompt)
            self.add("prompt_set_prompt", prompt_set_id=set_id, row=row, prompt_id=prompt_id, copies=1)  # fmt: skip
        evaluation_id = identity("evaluation", model_id, set_id)
        self.add("evaluation", evaluation_id=evaluation_id, model_id=model_id, prompt_set_id=set_id, score="rollout", parameters="{}")  # fmt: skip
        return evaluation_id

    def run(
        self,
        concept: str | None,
        method: str = "mean_difference",
        model: str = "m",
        kind: str | None = None,
        operator: str = "add",
        role: str = "fitted",
        parent: str | None = None,
    ) -> str:
        """Return the run_id of a vector of that name, fitted on a concept's texts or on none."""
        evaluation_id = self.evaluation(model)
        vector_id = identity("vector", model, concept, method, role)
        self.add("vector", vector_id=vector_id, model_id=identity("model", model), method=kind or method, parameters="{}", norm="unit", role=role, parent_vector_id=parent)  # fmt: skip
        self.add("name", kind="method", id=vector_id, name=method)
        if concept and role == "fitted":
            dataset_id = self.concept(concept)
            self.add("variant", variant_id=identity("variant", concept), dataset_id=dataset_id)
            self.add("name", kind="variant", id=identity("variant", concept), name="texts")
            self.add("vector_fit", vector_id=vector_id, dataset_id=dataset_id, split="train", variant_id=identity("variant", concept), items_sha256="x", n_items=2, n_questions=2)  # fmt: skip
        run_id = identity("run", evaluation_id, vector_id, operator)
        self.add("run", run_id=run_id, evaluation_id=evaluation_id, vector_id=vector_id, operator=operator, parameters="{}", scope="all", identity_at_zero=operator == "add", graded=True)  # fmt: skip
        return run_id

    def vector_of(self, run_id: str) -> str:
        (row,) = (row for row in self.rows["run"].values() if row["run_id"] == run_id)
        return str(row["vector_id"])

    def rollouts(
        self,
        run_id: str | None,
        samples: int,
        multipliers: Iterable[float] = (1.0,),
        text: Text = lambda prompt, sample: f" number {sample}",
        layer: int = 2,
        model: str = "m",
        asked: int | None = None,
    ) -> list[str]:
        """Add rollouts, steered or (run_id None) not; return their ids, prompt by prompt."""
        evaluation_id = self.evaluation(model)
        found = []
        for multiplier in multipliers:
            cell = {"run_id": run_id, "layer": layer, "multiplier": multiplier} if run_id else {}
            if run_id:
                n_asked = len(self.prompts) * samples if asked is None else asked
                self.add("experiment_run", experiment=self.experiment, split="rollout", n_asked=n_asked, **cell)  # fmt: skip
            for prompt in self.prompts:
                for sample in range(samples):
                    written = text(prompt, sample)
                    rollout_id = identity("rollout", evaluation_id, *cell.values(), prompt, sample)
                    tokens = [len(word) for word in written.split()] or [0]
                    self.add("rollout", rollout_id=rollout_id, evaluation_id=evaluation_id, prompt_id=identity("prompt", prompt), sample=sample, text=written, token_ids=tokens, n_tokens=len(tokens), logprob=-1.0, unsteered_logprob=-2.0 - sample, margin=1.0, **cell)  # fmt: skip
                    found.append(rollout_id)
        return found

    def scorer(self, name: str, measures: str, *concepts: str, kind: str = "judge") -> str:
        scorer_id = identity("scorer", name, *concepts)
        self.add("scorer", scorer_id=scorer_id, kind=kind, measures=measures, parameters="{}")
        self.add("name", kind="scorer", id=scorer_id, name=name)
        for concept in concepts:
            self.add("scorer_concept", scorer_id=scorer_id, dataset_id=self.concept(concept))
        return scorer_id

    def score(
        self, scorer_id: str, rollouts: Sequence[str], scores: Iterable[float | None]
    ) -> None:
        for rollout_id, score in zip(rollouts, scores, strict=True):
            failure = "no number in the answer" if score is None else None
            self.add("score", rollout_id=rollout_id, scorer_id=scorer_id, score=score, failure=failure)  # fmt: skip
