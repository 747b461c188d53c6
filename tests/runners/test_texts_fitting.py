"""Vectors of texts: read exactly, fitted by every method that needs no pairs, drawn by text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from builders.layout import TEXTS
from builders.texts_dataset import build_texts
from runners.campaign.texts_bench import TextsBench
from runners.fitting.derived import Draw
from runners.fitting.fitter import Fitter
from runners.fitting.text_draws import halves_of_texts, resampled_texts, shuffled_labels
from runners.fitting.text_extraction import read_texts_into
from runners.models.load import LoadedModel, load
from runners.prompts.positions import TokenisedItem
from specs.faults import Refused
from specs.schema import CombinedMethod, FittedMethod, Method, Read, TextsConcept
from specs.settings import Settings
from specs.unpaired import why_not_texts
from tests import planted_dictionary
from tests.runners import toy_models
from tests.runners.families import REPLAYED_CONFIGS, VOCABULARY, tiny
from tests.runners.stories import FOLDER

torch.set_num_threads(1)
NAMES = ["llama", "gemma2", "gpt2", next(iter(REPLAYED_CONFIGS))]
READS: tuple[Read, ...] = tuple(read for read in get_args(Read) if read != "answer_token")
TEXTS_OF = {
    True: ["Lily loved the big red ball.", "Love is warm!", "Mum loves Tim, and he loves her."],
    False: ["The bus came late that day.", "Rain."],
}


def concept(texts: dict[bool, list[str]] | None = None, **keys: Any) -> TextsConcept:
    sides = texts or TEXTS_OF
    return TextsConcept.model_validate(
        {"name": "love", "kind": "texts", "positive": sides[True], "negative": sides[False], **keys}
    )


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Return the small trained model, whose tokenizer puts BOS before every text."""
    if not FOLDER.is_dir():
        pytest.skip(f"{FOLDER} is not here")
    return model(FOLDER, tmp_path_factory.mktemp("stories"))


def model(folder: Path, home: Path) -> LoadedModel:
    from specs.schema import Model

    spec = Model.model_validate({"name": "toy", "folder": str(folder), "template": "plain"})
    return load(spec, Settings(home=home))


def fitter(
    loaded: LoadedModel, home: Path, texts: TextsConcept | None = None, **more: Any
) -> Fitter:
    made = texts or concept()
    bench = TextsBench(loaded, made, build_texts(made, Settings(home=home)))
    return Fitter(bench, home, {}, 24, reads=frozenset(READS), **more)


def method(kind: str, read: Read = "mean_all", **keys: Any) -> Method:
    from pydantic import TypeAdapter

    found: Method = TypeAdapter(Method).validate_python(
        {"name": kind, "kind": kind, "read": read, **keys}
    )
    return found


def slow(loaded: Any, tokens: list[int]) -> torch.Tensor:
    """Return [layers, tokens, d_model]: one text alone, as transformers itself hands it out."""
    from runners.models.architecture import parts

    last: list[torch.Tensor] = []
    block = parts(loaded.model).blocks[-1]

    def keep(_module: Any, _args: Any, output: Any) -> None:
        last.append(output[0] if isinstance(output, tuple) else output)

    handle = block.register_forward_hook(keep)
    with torch.inference_mode():
        found = loaded.model(torch.tensor([tokens]), output_hidden_states=True, use_cache=False)
    handle.remove()
    # What comes behind the last block is handed out after the final norm.
    return torch.stack([*(hidden[0] for hidden in found.hidden_states[1:-1]), last[0][0]]).float()


def read_of(hidden: torch.Tensor, read: Read, before: int) -> torch.Tensor:
    """Return [layers, d_model] of one text by the definition of a read position."""
    if read == "last_token":
        return hidden[:, -1]
    return hidden[:, before if read == "mean_completion" else 0 :].mean(1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("before", [1, 0])
def test_one_pass_equals_one_text_at_a_time(name: str, before: int) -> None:
    loaded = tiny(name)
    draw = torch.Generator().manual_seed(0)
    sizes = [3, 9, 4, 1, 9]
    rows = [torch.randint(1, VOCABULARY, (n + before,), generator=draw).tolist() for n in sizes]
    texts = [
        TokenisedItem(str(i), "", tuple(row[:before]), (), tuple(row[before:]), (), True)
        for i, row in enumerate(rows)
    ]
    shape = (len(texts), loaded.n_layers, loaded.d_model)
    found = {read: torch.full(shape, torch.nan) for read in READS}

    def keep(read: Read, layer: int, some: Any, hidden: torch.Tensor) -> None:
        found[read][list(some), layer] = hidden

    heard: list[int] = []
    read_texts_into(loaded, texts, READS, 12, keep, heard.append)
    assert sum(heard) == len(texts)
    for i, row in enumerate(rows):
        hidden = slow(loaded, row)
        for read in READS:
            expected = read_of(hidden, read, before)
            allowed = 5e-6 * float(expected.norm())
            torch.testing.assert_close(found[read][i], expected, rtol=0, atol=allowed)


@pytest.mark.parametrize("read", READS)
def test_mean_difference_is_that_of_the_paper(
    stories: LoadedModel, tmp_path: Path, read: Read
) -> None:
    vector = fitter(stories, tmp_path).vector(method("mean_difference", read), TEXTS, None, 0)
    means = {}
    for side, texts in TEXTS_OF.items():
        tokens = [stories.tokenizer(text)["input_ids"] for text in texts]
        assert all(ids[0] == stories.tokenizer.bos_token_id for ids in tokens)
        means[side] = torch.stack([read_of(slow(stories, ids), read, 1) for ids in tokens]).mean(0)
    for layer, direction in vector.directions.items():
        expected = means[True][layer] - means[False][layer]
        torch.testing.assert_close(direction, expected, rtol=0, atol=1e-5 * float(expected.norm()))
    assert vector.norm == "raw"
    assert [(fit.n_items, fit.split) for fit in vector.fits] == [(5, "train")]
    unit = fitter(stories, tmp_path).vector(method("mean_difference", read), TEXTS, "unit", 0)
    assert float(unit.directions[2].norm()) == pytest.approx(1)
    cosine = torch.cosine_similarity(unit.directions[2], vector.directions[2], dim=0)
    assert float(cosine) == pytest.approx(1)


def test_what_is_saved_is_read_back_and_kept_activations_are_used(
    stories: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = method("mean_difference")
    first = fitter(stories, tmp_path, keep_activations=True)
    vector = first.vector(wanted, TEXTS, None, 0)
    first.release()
    again = fitter(stories, tmp_path)
    assert again.vector(wanted, TEXTS, None, 0).vector_id == vector.vector_id
    assert again.n_fitted == 0
    other = fitter(stories, tmp_path).vector(method("lda"), TEXTS, None, 0)
    assert other.vector_id != vector.vector_id
    said = capsys.readouterr().err
    assert "5 texts of " in said
    assert "using the activations kept in " in said
    one_more = {True: TEXTS_OF[True], False: [*TEXTS_OF[False], "A cat sat."]}
    more = fitter(stories, tmp_path / "more", concept(one_more)).vector(wanted, TEXTS, None, 0)
    assert more.vector_id != vector.vector_id


def test_a_text_twice_counts_once_and_one_on_both_sides_on_both(
    stories: LoadedModel, tmp_path: Path
) -> None:
    wanted, (a, b, c), (d, e) = method("mean_difference"), TEXTS_OF[True], TEXTS_OF[False]
    twice = concept({True: [a, a, b, c], False: [d, e]})
    vector = fitter(stories, tmp_path, twice).vector(wanted, TEXTS, None, 0)
    plain = fitter(stories, tmp_path / "plain").vector(wanted, TEXTS, None, 0)
    assert torch.equal(vector.directions[1], plain.directions[1])
    both = concept({True: [a, d], False: [d, e]})
    vector = fitter(stories, tmp_path / "both", both).vector(wanted, TEXTS, None, 0)
    alone = concept({True: [a], False: [e]})
    half = fitter(stories, tmp_path / "alone", alone).vector(wanted, TEXTS, None, 0)
    torch.testing.assert_close(2 * vector.directions[1], half.directions[1], rtol=0, atol=1e-5)


UNPAIRED = [
    ("mean_difference", {}), ("logistic_probe", {}), ("lda", {}), ("leace", {}),
    ("leace", {"direction": "read"}), ("mean_centred", {}), ("lat", {}),
    ("pca_centered", {"of": "activations"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "keys"), UNPAIRED)
def test_methods_without_pairs_point_from_negative_to_positive(
    stories: LoadedModel, tmp_path: Path, kind: str, keys: dict[str, Any]
) -> None:
    made = method(kind, **keys)
    assert why_not_texts(made) is None
    found = fitter(stories, tmp_path)
    vector, mean = (found.vector(m, TEXTS, None, 0) for m in (made, method("mean_difference")))
    for layer in (0, 4):
        direction = vector.directions[layer]
        assert float(direction @ mean.directions[layer]) > 0
        about = vector.geometry[layer]
        assert about["d_prime"] > 0
        if kind != "lat":  # halves of one text a side have one random pair, and no axis
            assert -1 <= about["split_half_cosine"] <= 1
        assert "mean_cosine" not in about
        assert ("noise_length" in about) == (kind == "mean_difference")


@pytest.mark.parametrize(
    ("kind", "keys", "why"),
    [
        ("pca", {}, "needs pairs"),
        ("optimised", {}, "needs pairs"),
        ("plugin", {"plugin": "mine"}, "needs pairs"),
        ("pca_centered", {}, "is fitted on differences of pairs"),
        ("mean_difference", {"project_out": "letter"}, "projects out the letter"),
        ("lda", {"read": "answer_token"}, "reads answer_token"),
        ("file", {"file": "x.npy"}, None),
        ("sae_difference", {"sae": "tiny", "read": "last_token"}, None),
        ("sae_difference", {"sae": "tiny"}, None),
        ("sae_difference", {"sae": "tiny", "read": "answer_token"}, "reads answer_token"),
    ],
)
def test_the_others_say_why_not(kind: str, keys: dict[str, Any], why: str | None) -> None:
    from pydantic import TypeAdapter

    read = {} if kind == "file" else {"read": "mean_all"}
    found = why_not_texts(
        TypeAdapter(Method).validate_python({"name": "m", "kind": kind, **read, **keys})
    )
    assert (found or "").startswith(why or "")
    assert (found is None) == (why is None)


def test_norm_base_is_refused_and_sums_are_asked_term_by_term(
    stories: LoadedModel, tmp_path: Path
) -> None:
    with pytest.raises(
        Refused, match="the length of a vector fitted on questions, and texts have none"
    ):
        fitter(stories, tmp_path).vector(method("mean_difference"), TEXTS, "base", 0)
    terms = [{"method": "mean_difference"}, {"method": "pca"}]
    made = method("combined", terms=terms)
    assert isinstance(made, CombinedMethod)
    parts = [method("mean_difference"), method("logistic_probe")]
    both = made.with_methods([part for part in parts if isinstance(part, FittedMethod)])
    assert why_not_texts(both) is None
    vector = fitter(stories, tmp_path / "sum").vector(both, TEXTS, None, 0)
    assert float(vector.directions[1].norm()) > 0
    pca = method("pca")
    assert isinstance(pca, FittedMethod)
    assert str(why_not_texts(made.with_methods([pca]))).startswith("its term pca needs pairs")


def test_nulls_and_resamples_are_drawn_by_text(stories: LoadedModel, tmp_path: Path) -> None:
    found = fitter(stories, tmp_path)
    parent = found.vector(method("mean_difference"), TEXTS, "unit", 0)
    kinds = ("random", "label_shuffled", "resample")
    draws = [Draw(kind, 3, 0, number) for kind in kinds for number in range(12)]
    vectors = dict(zip(draws, found.derived(parent, draws), strict=True))
    assert {vectors[draw].role for draw in draws} == {"null", "resample"}
    raw = {kind: [vectors[d].raw_length[3] for d in draws if d.kind == kind] for kind in kinds}
    assert raw["random"] == pytest.approx([1.0] * 12)
    lengths = {
        kind: [float(vectors[d].directions[3].norm()) for d in draws if d.kind == kind]
        for kind in kinds
    }
    assert np.mean(lengths["label_shuffled"]) < 1.0
    factor = parent.factor[3]
    assert raw["resample"] == pytest.approx([n / factor for n in lengths["resample"]], rel=1e-5)
    again = fitter(stories, tmp_path / "again")
    parent = again.vector(method("mean_difference"), TEXTS, "unit", 0)
    for draw, vector in zip(draws, again.derived(parent, draws), strict=True):
        torch.testing.assert_close(vector.directions[3], vectors[draw].directions[3])


def test_draws_go_by_the_names_of_texts() -> None:
    names = [f"{i:02}" for i in np.random.default_rng(0).permutation(30)]
    positive = np.arange(30) < 12
    turned = np.arange(30)[::-1]
    for number in range(5):
        rows = resampled_texts(names, positive, 0, number)
        assert (positive[rows].sum(), len(rows)) == (12, 30)
        assert len(set(rows.tolist())) < 30
        back = resampled_texts([names[i] for i in turned], positive[turned], 0, number)
        assert sorted(names[i] for i in rows) == sorted(names[turned[i]] for i in back)
        labels = shuffled_labels(names, positive, 0, number)
        assert labels.sum() == 12
        assert np.array_equal(
            shuffled_labels([names[i] for i in turned], positive[turned], 0, number), labels[turned]
        )
    halves = list(halves_of_texts(names, positive, 3))
    assert {(int(half.sum()), int(half[positive].sum())) for half in halves} == {(15, 6)}
    assert not np.array_equal(halves[0], halves[1])


def test_a_planted_direction_is_found(tmp_path: Path) -> None:
    """Blocks that add nothing, and a word that brings a known direction: it is the vector."""
    import transformers

    folder = toy_models.save(tmp_path / "toy", hidden_size=64, num_attention_heads=4)
    built = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    draw = torch.Generator().manual_seed(0)
    planted = torch.nn.functional.normalize(torch.randn(64, generator=draw), dim=0)
    (mark,) = tokenizer("#", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        for block in built.model.layers:
            block.self_attn.o_proj.weight.zero_()
            block.mlp.down_proj.weight.zero_()
        noise = torch.randn(built.model.embed_tokens.weight.shape, generator=draw)
        built.model.embed_tokens.weight.copy_(0.02 * noise)
        built.model.embed_tokens.weight[mark] += 3 * planted
    built.save_pretrained(folder)
    letters = np.random.default_rng(0)
    words = ["".join(letters.choice(list("abcdefgh"), 6)) for _ in range(40)]
    texts = {True: [f"{word}#{word[::-1]}" for word in words], False: [w + w[::-1] for w in words]}
    found = fitter(model(folder, tmp_path), tmp_path, concept(texts))
    truth = {"mean_difference": 0.99, "leace": 0.99, "lda": 0.9, "logistic_probe": 0.9}
    for kind, least in truth.items():
        vector = found.vector(method(kind), TEXTS, None, 0)
        for direction in vector.directions.values():
            assert float(torch.cosine_similarity(direction, planted, dim=0)) > least, kind
    raw = found.vector(method("mean_difference"), TEXTS, None, 0).raw_length[1]
    n_tokens = np.mean([1 / len(tokenizer(text)["input_ids"]) for text in texts[True]])
    assert raw == pytest.approx(3 * n_tokens, rel=0.1)


def test_texts_that_no_model_could_read_are_told(stories: LoadedModel, tmp_path: Path) -> None:
    made = concept({True: ["a cat " * 600, "A dog."], False: ["A cow."]})
    bench = TextsBench(stories, made, build_texts(made, Settings(home=tmp_path)))
    (reason,) = bench.tokenised().unfit.values()
    assert reason.startswith("beyond the context: ")
    assert len(bench.tokenised().fit) == 2


def test_of_a_known_code_the_vector_is_the_difference_of_codes(tmp_path: Path) -> None:
    """Texts on rain against texts on the sea: their words' features, decoded, and nothing else."""
    texts = {
        True: ["the drizzle and a umbrella", "puddle near the drizzle", "a umbrella"],
        False: ["the harbour and a anchor", "tide near the harbour"],
    }
    loaded = model(planted_dictionary.save(tmp_path / "planted"), tmp_path)
    found = fitter(loaded, tmp_path, concept(texts))
    sae = planted_dictionary.build_sae()
    means = {
        side: torch.stack([planted_dictionary.codes(["<s>", *t.split()]).mean(0) for t in some])
        for side, some in texts.items()
    }
    features = means[True].mean(0) - means[False].mean(0)
    expected = features @ sae.decoder
    vector = found.vector(method("mean_difference"), TEXTS, None, 0).directions[sae.layer]
    torch.testing.assert_close(vector, expected, rtol=0, atol=2e-3 * float(expected.norm()))
    topics = list(planted_dictionary.TOPICS)
    assert int(features.argmax()) == topics.index("rain")
    assert int(features.argmin()) == topics.index("sea")
