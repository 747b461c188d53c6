from __future__ import annotations

from pathlib import Path

import pytest

from specs import catalog
from specs.catalog import SHIPPED, Catalog
from specs.faults import Refused
from specs.schema import KINDS, Concept
from specs.settings import Settings


def refusal(call: object, *arguments: object) -> list[str]:
    with pytest.raises(Refused) as refused:
        call(*arguments)  # type: ignore[operator]
    return list(refused.value.faults)


def write_variants(folder: Path, **texts: str) -> Path:
    (folder / "variants").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / "variants" / f"{name}.yaml").write_text(text)
    return folder


def test_the_shipped_specs_have_no_fault() -> None:
    assert catalog.open(Settings()).faults() == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_shipped_specs(kind: str) -> None:
    assert Catalog().names(kind)


def test_a_users_specs_join_the_shipped_ones(mine: Path) -> None:
    specs = catalog.open(Settings(specs=(Path("mine"),)))
    assert "tidy" in specs.names("concepts")
    assert "base" in specs.names("variants")
    assert isinstance(specs.get("concepts", "tidy"), Concept)
    assert specs.path("concepts", "tidy") == Path("mine/concepts/tidy.yaml")
    assert specs.faults() == []


def test_a_users_spec_is_taken_before_a_shipped_one_of_its_name(mine: Path) -> None:
    write_variants(mine, base="system: Be brief.\n")
    specs = Catalog([mine])
    assert specs.get("variants", "base").model_dump()["system"] == "Be brief."
    assert specs.hidden("variants", "base") == [SHIPPED / "variants" / "base.yaml"]
    assert specs.hidden("concepts", "tidy") == []
    assert specs.names("variants").count("base") == 1


def test_the_same_folder_twice_hides_nothing(mine: Path) -> None:
    specs = Catalog([mine, mine / ".." / "mine", SHIPPED])
    assert specs.hidden("concepts", "tidy") == []
    assert specs.hidden("variants", "base") == []


def test_getting_one_spec_reads_no_other(mine: Path) -> None:
    write_variants(mine, broken="system: [")
    specs = Catalog([mine])
    assert specs.get("variants", "base") is specs.get("variants", "base")
    assert refusal(specs.get, "variants", "broken")[0].startswith("mine/variants/broken.yaml:1:10:")


def test_hidden_files_are_no_specs(mine: Path) -> None:
    (mine / "concepts" / "._tidy.yaml").write_bytes(b"\x00")
    assert "._tidy" not in Catalog([mine]).names("concepts")


def test_unknown_name() -> None:
    assert refusal(Catalog().get, "variants", "user_positiv") == [
        "unknown variant 'user_positiv'; did you mean 'user_positive' or 'system_positive'? "
        "`steerhouse list variants` shows all"
    ]
    assert refusal(Catalog().get, "methods", "qqq") == [
        "unknown method 'qqq'; `steerhouse list methods` shows all"
    ]


def test_a_name_is_no_path() -> None:
    assert refusal(Catalog().get, "variants", "../variants/base") == [
        "unknown variant '../variants/base'; `steerhouse list variants` shows all"
    ]


def test_a_file_with_another_suffix(mine: Path) -> None:
    (mine / "concepts" / "neat.yml").write_text("source: {file: a.csv}\n")
    specs = Catalog([mine])
    assert refusal(specs.get, "concepts", "neat") == [
        "unknown concept 'neat'; rename mine/concepts/neat.yml to neat.yaml"
    ]
    assert specs.faults() == ["mine/concepts/neat.yml: not read; rename it to neat.yaml"]


def test_names_globs_and_tags_in_the_order_of_first_mention() -> None:
    specs = Catalog()
    assert specs.resolve("variants", ["user_*", "base", "tag:persona"]) == [
        "user_negative", "user_positive", "base", "system_negative", "system_positive",
    ]  # fmt: skip


def test_what_matches_nothing(mine: Path) -> None:
    write_variants(mine)
    tags = ", ".join(
        sorted({t for n in Catalog().names("variants") for t in Catalog().get("variants", n).tags})
    )
    assert refusal(Catalog([mine]).resolve, "variants", ["bas", "x*", "base", "tag:personae"]) == [
        "unknown variant 'bas'; did you mean 'base'? `steerhouse list variants` shows all",
        "no variant matches 'x*'; `steerhouse list variants` shows all",
        f"no variant has the tag 'personae'; did you mean 'persona'? tags: {tags}",
    ]


def test_no_tags_at_all(mine: Path) -> None:
    (mine / "experiments" / "tidiness.yaml").unlink()
    (mine / "models").mkdir()
    specs = Catalog([mine])
    specs._folders = [mine]
    assert specs.unmatched("experiments", "tag:x") == "no experiment has the tag 'x'; tags: none"


def test_a_tag_cannot_be_told_while_a_file_is_faulty(mine: Path) -> None:
    write_variants(mine, broken="tag: persona\n")
    assert refusal(Catalog([mine]).resolve, "variants", ["tag:persona"]) == [
        "mine/variants/broken.yaml:1:1: tag: unknown key; did you mean 'tags'? known here: "
        "answer_prefix, description, frame, name, symbols, system, tags, turns, user, version"
    ]


LAYOUT = (
    "--specs takes a folder that holds at least one of "
    "concepts/, variants/, methods/, models/, text_sets/, prompt_sets/, scorers/, saes/, "
    "approximators/, experiments/, such as {}/concepts/my-concept.yaml"
)


def test_a_specs_folder_that_is_none(here: Path) -> None:
    (here / "file").touch()
    (here / "empty").mkdir()
    kinds = LAYOUT.partition("at least one of ")[2].partition(", such as")[0]
    for name, problem in {
        "absent": "does not exist",
        "file": "is not a folder",
        "empty": f"has none of {kinds}",
    }.items():
        assert refusal(Catalog, [Path(name)]) == [
            f"specs folder {name} {problem}; {LAYOUT.format(name)}"
        ]


def test_faults_of_all_files_and_of_names_in_them(mine: Path) -> None:
    write_variants(mine, broken="tag: persona\n")
    (mine / "concepts" / "tidy.yaml").write_text(
        "source: {file: a.csv}\nplanted:\n  - {quantity: q, variant: bse, value: 1}\n"
    )
    (mine / "experiments" / "tidiness.yaml").write_text(
        "models: [referense]\n"
        "concepts:\n  - tidy\n  - 'tidi*'\n  - tag:nowhere-used\n"
        "variants: [base, 'tag:persona']\n"
        "methods: ['mean_*']\n"
        "include: [{concept: tidy, fit_variant: user_positive}]\n"
        "exclude: [{method: randm}]\n"
    )
    tags = ", ".join(
        sorted({t for n in Catalog().names("concepts") for t in Catalog().get("concepts", n).tags})
    )
    assert Catalog([Path("mine")]).faults() == [
        "mine/concepts/tidy.yaml:3:28: planted[0].variant: unknown variant 'bse'; "
        "did you mean 'base'? `steerhouse list variants` shows all",
        "mine/variants/broken.yaml:1:1: tag: unknown key; did you mean 'tags'? known here: "
        "answer_prefix, description, frame, name, symbols, system, tags, turns, user, version",
        "mine/experiments/tidiness.yaml:1:10: models[0]: unknown model 'referense'; "
        "did you mean 'reference'? `steerhouse list models` shows all",
        "mine/experiments/tidiness.yaml:4:5: concepts[1]: no concept matches 'tidi*'; "
        "`steerhouse list concepts` shows all",
        "mine/experiments/tidiness.yaml:5:5: concepts[2]: no concept has the tag 'nowhere-used'; "
        f"tags: {tags}",
        "mine/experiments/tidiness.yaml:9:20: exclude[0].method: unknown method 'randm'; "
        "did you mean 'random'? `steerhouse list methods` shows all",
    ]


def test_the_quickstart_is_the_reference_model_with_its_concepts() -> None:
    specs = Catalog()
    quickstart = specs.get("experiments", "quickstart").model_dump()
    assert quickstart["models"] == ("reference",)
    assert "calm" in specs.resolve("concepts", quickstart["concepts"])
    assert quickstart["nulls"] == {"random": 20, "label_shuffled": 20}
    assert len(quickstart["multipliers"]) == 7
