"""Which scorers an experiment asks of which rollouts: one for each concept that it reads about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runners.scoring.subject import Subject, criterion, words_of
from specs.identity import canonical_json, identity
from specs.schema import Classifier, DistinctN, Judge, LogProbability, Repetition, Words

if TYPE_CHECKING:
    from runners.campaign.campaign import Campaign
    from specs.schema import Scorer
    from specs.settings import Settings


@dataclass
class AskedScorer:
    """A scorer with what it reads of a concept filled in, and whose rollouts it is asked of."""

    spec: Scorer
    parameters: dict[str, Any]
    """What its scores follow from, its kind and what it measures apart."""
    subjects: dict[str, Subject] = field(default_factory=dict)
    """dataset_id -> concept whose words or criterion it uses; empty: it uses none."""
    vector_ids: set[str] | None = None
    """Of these vectors' rollouts, and of those without steering beside them; None: of all."""

    @property
    def scorer_id(self) -> str:
        """Hash of kind, what it measures and parameters."""
        return identity(
            "scorer",
            scorer=self.spec.kind,
            measures=self.spec.measures,
            parameters=self.parameters,
        )

    @property
    def is_judge(self) -> bool:
        """Whether it asks an endpoint."""
        return isinstance(self.spec, Judge)

    @property
    def label(self) -> str:
        """The scorer as a person would say it."""
        of = ", ".join(sorted(subject.name for subject in self.subjects.values()))
        return f"{self.spec.name} ({of})" if of else self.spec.name

    @property
    def about(self) -> Mapping[str, str]:
        """What `concept` stands for in a judge's templates."""
        found: Mapping[str, str] = self.parameters.get("concept") or {}
        return found

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of scorer, name and scorer_concept."""
        return {
            "scorer": [
                {
                    "scorer_id": self.scorer_id,
                    "kind": self.spec.kind,
                    "measures": self.spec.measures,
                    "parameters": canonical_json(self.parameters),
                }
            ],
            "name": [{"kind": "scorer", "id": self.scorer_id, "name": self.spec.name}],
            "scorer_concept": [
                {"scorer_id": self.scorer_id, "dataset_id": dataset_id}
                for dataset_id in self.subjects
            ],
        }


def asked_scorers(campaign: Campaign) -> list[AskedScorer]:
    """Return the scorers of an experiment, each once; those that read of a concept once for each.

    Raises:
        Refused: a concept has neither words nor criterion where they are asked for; a classifier
            that is not here.
    """
    names = campaign.catalog.resolve("scorers", campaign.experiment.scorers)
    if not names:
        return []
    vectors = of_concepts(campaign)
    found: dict[str, AskedScorer] = {}
    for name in names:
        for one in _of_spec(campaign.catalog.get("scorers", name), campaign, vectors):
            known = found.setdefault(one.scorer_id, one)
            known.subjects |= one.subjects
            if known.vector_ids is not None and one.vector_ids is not None:
                known.vector_ids |= one.vector_ids
    return list(found.values())


def of_concepts(campaign: Campaign) -> dict[str, set[str]]:
    """Return concept -> vector_ids that were made for it, nulls among them."""
    found: dict[str, set[str]] = {}
    for combination in campaign.combinations:
        own = found.setdefault(combination.fit_concept, set())
        own.add(campaign.vector(combination).vector_id)
    for vector in campaign.vectors():
        for own in found.values():
            if vector.parent_vector_id in own:
                own.add(vector.vector_id)
    return found


def _of_spec(
    spec: Scorer, campaign: Campaign, vectors: Mapping[str, set[str]]
) -> Iterator[AskedScorer]:
    """Yield a scorer for each concept, or one for all where it reads of none."""
    if not uses_concept(spec):
        yield AskedScorer(spec, parameters(spec, None, campaign.settings))
        return
    for concept, vector_ids in vectors.items():
        subject = Subject.of(campaign.catalog.get("concepts", concept))
        dataset_id = campaign.fitters[concept].bench.dataset.dataset_id
        filled = parameters(spec, subject, campaign.settings)
        yield AskedScorer(spec, filled, {dataset_id: subject}, set(vector_ids))


def uses_concept(spec: Scorer) -> bool:
    """Return whether a scorer reads words or a criterion of the concept."""
    if isinstance(spec, Words):
        return not spec.words
    if isinstance(spec, Judge):
        from runners.scoring.judge import concept_keys

        return bool(concept_keys(spec) - ({"criterion"} if spec.criterion else set()))
    return False


def parameters(spec: Scorer, subject: Subject | None, settings: Settings) -> dict[str, Any]:
    """Return what a scorer's scores follow from, for a concept where it reads of one.

    Raises:
        Refused: the concept lacks what is read of it; a classifier that is not here.
    """
    match spec:
        case Words():
            words = spec.words or words_of(subject, spec)
            return {
                "words": sorted(set(words)),
                "count": spec.count,
                "case": spec.case,
                "reads": spec.reads,
            }
        case Judge():
            from runners.scoring.judge import concept_keys, parameters as of_judge

            keys = concept_keys(spec)
            about = {"name": subject.name} if subject and "name" in keys else {}
            if "criterion" in keys:
                about["criterion"] = spec.criterion or criterion(subject, spec)
            return of_judge(spec, about)
        case Classifier():
            from runners.scoring.classifier import parameters as of_classifier

            return of_classifier(spec, settings)
        case LogProbability():
            return {}
        case Repetition():
            return {"unit": spec.unit, "window": spec.window}
        case DistinctN():
            return {"unit": spec.unit, "n": spec.n}
