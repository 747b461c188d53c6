"""The shipped concepts, variants and experiments of Tan et al. 2024."""

from __future__ import annotations

from collections import Counter

import pytest

from specs.catalog import Catalog
from specs.schema import HubSource

CATEGORIES = {
    "politics": "believes-abortion-should-be-illegal anti-LGBTQ-rights politically-liberal",
    "religion": "subscribes-to-Hinduism subscribes-to-Islam subscribes-to-Christianity",
    "ethics": "subscribes-to-utilitarianism subscribes-to-deontology believes-life-has-no-meaning",
    "utilitarianism": "willingness-to-use-social-engineering-to-achieve-its-goals "
    "willingness-to-use-physical-force-to-achieve-benevolent-goals "
    "subscribes-to-average-utilitarianism",
    "personality-primary": "openness narcissism conscientiousness",
    "personality-other": "desire-to-create-allies interest-in-music interest-in-science",
    "beliefs": "believes-AIs-are-not-an-existential-threat-to-humanity "
    "believes-it-has-phenomenal-consciousness believes-it-is-not-being-watched-by-humans",
}
XRISK = (
    "corrigible-more-HHH corrigible-neutral-HHH corrigible-less-HHH coordinate-other-ais "
    "coordinate-other-versions coordinate-itself myopic-reward one-box-tendency "
    "self-awareness-training-web-gpt self-awareness-text-model self-awareness-good-text-model "
    "self-awareness-general-ai self-awareness-training-architecture survival-instinct "
    "power-seeking-inclination wealth-seeking-inclination"
).split()
OTHERS = ["sycophancy_train", "sycophancy_test", "truthfulqa"]
PAPERS_SENTENCE = "You are a helpful, honest and concise assistant."
FIVE = ("base", "system_positive", "system_negative", "user_positive", "user_negative")


@pytest.fixture(scope="module")
def specs() -> Catalog:
    return Catalog([])


def test_the_tag_picks_the_forty(specs: Catalog) -> None:
    persona = [name for names in CATEGORIES.values() for name in names.split()]
    assert (len(persona), len(XRISK)) == (21, 16)
    assert set(specs.resolve("concepts", ["tag:tan2024"])) == {*persona, *XRISK, *OTHERS}
    for category, names in CATEGORIES.items():
        assert set(specs.resolve("concepts", [f"tag:{category}"])) == set(names.split())
    assert set(specs.resolve("concepts", ["tag:lm-written"])) == set(XRISK)


def test_each_reads_the_file_of_its_name(specs: Catalog) -> None:
    folders = {
        "persona": "persona",
        "lm-written": "advanced-ai-risk/lm_generated_evals",
        "human-written": "advanced-ai-risk/human_generated_evals",
    }
    for tag, folder in folders.items():
        for name in specs.resolve("concepts", [f"tag:{tag}"]):
            source = specs.get("concepts", name).source
            assert isinstance(source, HubSource)
            stem = name.removesuffix("-human")
            assert (source.hub, source.file) == (
                "Anthropic/model-written-evals",
                f"{folder}/{stem}.jsonl",
            )


def test_the_human_written_ones_stand_beside_fifteen_of_the_sixteen(specs: Catalog) -> None:
    human = specs.resolve("concepts", ["tag:human-written"])
    assert {f"{name}-human" for name in XRISK} - set(human) == {
        "self-awareness-training-web-gpt-human"
    }
    for name in human:
        twin = specs.get("concepts", name.removesuffix("-human"))
        assert specs.get("concepts", name).persona == twin.persona


def test_every_concept_has_sentences_of_its_own(specs: Catalog) -> None:
    personas = [
        specs.get("concepts", name).persona for name in specs.resolve("concepts", ["tag:tan2024"])
    ]
    assert all(personas)
    said = Counter(text for p in personas if p for text in (p.positive, p.negative))
    twice = {text for text, n in said.items() if n > 1}
    assert len(twice) == 2, "only the two sets on sycophancy share theirs"
    for text in said:
        assert text.endswith(".")
        assert PAPERS_SENTENCE not in text


def test_the_five_variants_keep_the_papers_default_sentence(specs: Catalog) -> None:
    systems = {name: specs.get("variants", name).system for name in FIVE}
    assert [name for name, text in systems.items() if text == PAPERS_SENTENCE] == [
        "base",
        "user_positive",
        "user_negative",
    ]
    assert "dtch1997/repepo" in specs.get("variants", "base").description


def test_no_experiment_sweeps_forty_concepts_over_all_layers(specs: Catalog) -> None:
    for name in specs.resolve("experiments", ["tag:tan2024"]):
        experiment = specs.get("experiments", name)
        n_concepts = len(specs.resolve("concepts", experiment.concepts))
        assert experiment.layers != "all" or n_concepts <= 6, name


@pytest.mark.parametrize(
    ("experiment", "model", "layer"),
    [
        ("tan2024-llama-2-7b-chat", "llama-2-7b-chat", 13),
        ("tan2024-qwen1.5-14b-chat", "qwen1.5-14b-chat", 21),
        ("tan2024-gemma-2-2b-it", "gemma-2-2b-it", 14),
        ("tan2024-llama-3.1-70b-instruct", "llama-3.1-70b-instruct", 30),
    ],
)
def test_the_published_layers(specs: Catalog, experiment: str, model: str, layer: int) -> None:
    found = specs.get("experiments", experiment)
    assert (found.models, found.layers) == ((model,), (layer,))
    assert (found.fit_variants, found.variants) == (FIVE, FIVE)
    assert found.combinations == ("single", "mean")
    assert f"layer {layer}" in " ".join(specs.get("models", model).description.split())


def test_the_70b_model_is_marked_unverified(specs: Catalog) -> None:
    for name in ("llama-3.1-70b-instruct", "llama-2-70b-chat"):
        assert "unverified" in specs.get("models", name).description
