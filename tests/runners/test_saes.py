"""Autoencoders: read as sae-lens writes them, checked against a model, trained, scored."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from runners.models.load import LoadedModel, load
from runners.saes import check, features, training
from runners.saes.activations import activations
from runners.saes.features import Chosen, DifferenceFit, OutputScoreFit
from runners.saes.hooks import layer_of
from runners.saes.output_score import OutputScorer
from runners.saes.shelf import Saes
from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import SaeDifference, SaeOutputScore
from specs.settings import Settings
from tests import planted_dictionary as planted, planted_home

RAIN, BREAD, LONG = 0, 1, 8
SHARED = Path(__file__).parents[3] / "shared"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    planted_home.write(folder)
    return folder


@pytest.fixture(scope="module")
def loaded(home: Path) -> LoadedModel:
    return load(Catalog([home / "specs"]).get("models", "planted"), Settings(home=home))


def saes(home: Path, loaded: LoadedModel, **how: bool) -> Saes:
    return Saes(Catalog([home / "specs"]), Settings(home=home), loaded, **how)


def refusal(home: Path, loaded: LoadedModel, name: str, text: str) -> str:
    planted_home.write_spec(home / "specs", "saes", name, text)
    with pytest.raises(Refused) as refused:
        saes(home, loaded).get(name)
    return str(refused.value)


@pytest.mark.parametrize(
    ("hook", "layer"),
    [
        ("blocks.12.hook_resid_post", 12),
        ("blocks.12.hook_resid_pre", 11),
        ("blocks.0.hook_resid_pre", None),
        ("model.layers.7", 7),
        ("transformer.h.3.output", 3),
        ("blocks.4.hook_mlp_out", None),
        ("blocks.4.attn.hook_z", None),
        ("hook_embed", None),
    ],
)
def test_hook_names(hook: str, layer: int | None) -> None:
    assert layer_of(hook) == layer


def test_what_sae_lens_wrote_is_what_was_planted(home: Path, loaded: LoadedModel) -> None:
    sae, truth = saes(home, loaded).get("planted"), planted.build_sae()
    hidden = 3 * torch.randn(50, planted.D_MODEL, generator=torch.Generator().manual_seed(1))
    hidden += truth.b_dec
    assert (sae.layer, sae.d_model, sae.d_sae) == (truth.layer, truth.d_model, truth.d_sae)
    assert torch.allclose(sae.encode(hidden), truth.encode(hidden), atol=1e-4)
    assert torch.allclose(sae.decode(sae.encode(hidden)), truth.decode(truth.encode(hidden)))
    assert torch.equal(sae.decoder, truth.decoder)
    assert torch.equal(sae.encoder, truth.encoder)
    assert not sae.encode(hidden.requires_grad_()).requires_grad


def test_a_standard_one_in_half_precision(home: Path, loaded: LoadedModel) -> None:
    from sae_lens import StandardSAE, StandardSAEConfig
    from sae_lens.saes.sae import SAEMetadata

    about = SAEMetadata(hook_name="blocks.2.hook_resid_pre", model_name="planted")
    config = StandardSAEConfig(d_in=planted.D_MODEL, d_sae=8, dtype="float16", metadata=about)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        StandardSAE(config).save_model(str(home / "standard"))
    text = planted_home.sae_spec(home / "standard") + "layer: 1\n"
    text = text.replace("{text_set: planted}", "{text_set: planted, explained_variance: -1e9}")
    planted_home.write_spec(home / "specs", "saes", "standard", text)
    found = saes(home, loaded, plan_only=True).get("standard")
    hidden = torch.randn(5, planted.D_MODEL)
    weights = found.sae  # type: ignore[attr-defined]
    by_hand = (hidden - weights.b_dec) @ weights.W_enc + weights.b_enc
    assert found.encode(hidden.half()).dtype == torch.float32
    assert torch.allclose(found.encode(hidden), by_hand.relu(), atol=1e-5)
    assert found.layer == 1


def test_an_id_is_about_weights(home: Path, loaded: LoadedModel) -> None:
    own = saes(home, loaded).get("planted").sae_id
    planted.save_sae(home / "named_otherwise", model_name="another")
    for name, same in (("named_otherwise", True), ("changed", False)):
        if not same:
            from safetensors.torch import load_file, save_file

            shutil.copytree(home / "named_otherwise", home / name)
            path = home / name / "sae_weights.safetensors"
            weights = load_file(path)
            weights["b_enc"][0] += 1e-3
            save_file(weights, path)
        planted_home.write_spec(home / "specs", "saes", name, planted_home.sae_spec(home / name))
        assert (saes(home, loaded).get(name).sae_id == own) is same


@pytest.mark.parametrize(
    ("about", "extra", "said"),
    [
        ({"hook_name": "blocks.1.hook_mlp_out"}, "", "not the residual stream behind a decoder"),
        ({"hook_name": None}, "", "set `layer:` in the spec"),
        ({}, "layer: 2\n", "which is layer 1 here; write 1, or leave it out"),
        (
            {"model_from_pretrained_kwargs": {"center_writing_weights": True}},
            "",
            "centred writing weights",
        ),
        ({"hook_name": "blocks.0.hook_resid_post"}, "", "set `layer: 1` if it is the layer"),
        ({"hook_name": "blocks.2.hook_resid_post"}, "", "set `layer: 1` if it is the layer"),
        ({"hook_name": "blocks.7.hook_resid_post"}, "", "has layers 0 to 2"),
    ],
)
def test_what_does_not_fit_is_refused(
    home: Path, loaded: LoadedModel, about: dict[str, object], extra: str, said: str
) -> None:
    folder = planted.save_sae(home / "odd", **about)
    assert said in refusal(home, loaded, "odd", planted_home.sae_spec(folder) + extra)


def test_without_a_hook_the_spec_says_the_layer(home: Path, loaded: LoadedModel) -> None:
    text = planted_home.sae_spec(planted.save_sae(home / "bare", hook_name=None)) + "layer: 1\n"
    planted_home.write_spec(home / "specs", "saes", "bare", text)
    assert saes(home, loaded).get("bare").layer == 1


def test_files_that_are_missing_or_broken(home: Path, loaded: LoadedModel) -> None:
    folder = planted.save_sae(home / "broken")
    text = planted_home.sae_spec(folder)
    (folder / "sae_weights.safetensors").write_bytes(b"nothing of the kind")
    assert "sae-lens cannot read" in refusal(home, loaded, "broken", text)
    (folder / "cfg.json").unlink()
    assert "holds no cfg.json" in refusal(home, loaded, "broken", text)


def test_another_width(home: Path, loaded: LoadedModel, reference: LoadedModel) -> None:
    with pytest.raises(Refused, match="32 numbers a token, and model reference has 128"):
        saes(home, reference).get("planted")


def test_the_check_is_that_of_all_tokens_at_once(home: Path, loaded: LoadedModel) -> None:
    shelf = saes(home, loaded)
    sae = shelf.get("planted")
    (row,) = shelf.rows()["sae_check"]
    texts = [(1, 5, 12, 4, 30), (1, 20, 6, 8)]
    found = check.fits(sae, loaded, texts)[planted.LAYER]
    hidden = torch.cat([read[1] for read in activations(loaded, [1], texts)]).double()
    assert len(hidden) == found.n_tokens == 7  # <s> is left out
    error = (hidden - sae.decode(sae.encode(hidden)).double()).square().sum()
    explained = 1 - error / (hidden - hidden.mean(0)).square().sum()
    assert found.explained_variance == pytest.approx(explained.item(), abs=1e-9)
    assert found.mean_active == (sae.encode(hidden) > 0).sum().item() / 7
    assert row["explained_variance"] > 0.9999
    assert 1.5 < row["mean_active"] <= 3


def test_a_bound_that_is_not_met(home: Path, loaded: LoadedModel) -> None:
    sae, shelf = saes(home, loaded).get("planted"), saes(home, loaded)
    spec = shelf.catalog.get("saes", "planted")
    own = check.Fit(100, 0.4, 2.0)
    with pytest.raises(Refused, match=r"explains 0\.400 of the variance of layer 1's .* less than"):
        check.refuse_poor(spec, sae, loaded, {1: own})
    check.refuse_poor(spec, sae, loaded, {1: own._replace(explained_variance=0.5)})


def test_features_of_the_largest_difference() -> None:
    sae = planted.build_sae()
    code = torch.zeros(4, planted.D_SAE)
    code[0, RAIN], code[1, RAIN], code[2, BREAD], code[3, BREAD] = 2, 1, 4, 0
    code[:2, LONG] = 3.0
    rows = sae.decode(code).numpy()
    method = SaeDifference(kind="sae_difference", sae="planted", features=2)
    fit = DifferenceFit(sae, method)
    chosen = fit.choose(rows[:2], rows[2:])
    assert [each.feature for each in chosen] == [LONG, BREAD]
    assert [each.coefficient for each in chosen] == pytest.approx([3.0, -2.0], abs=1e-4)
    by_hand = 3 * sae.decoder[LONG] - 2 * sae.decoder[BREAD]
    assert np.allclose(fit(rows[:2], rows[2:]), by_hand.numpy(), atol=1e-3)
    upwards = method.model_copy(update={"sign": "positive"})
    chosen = DifferenceFit(sae, upwards).choose(rows[:2], rows[2:])
    assert [each.feature for each in chosen] == [LONG, RAIN]
    # LONG is there in half of the four activations, BREAD in one of them
    rare = method.model_copy(update={"max_density": 0.3})
    assert [c.feature for c in DifferenceFit(sae, rare).choose(rows[:2], rows[2:])] == [BREAD]
    assert not DifferenceFit(sae, method)(rows, rows).any()


def output_score(loaded: LoadedModel, feature: int, method: SaeOutputScore) -> float:
    """The published code's way, one feature: encode, raise, decode, add the error back."""
    sae, model = planted.build_sae(), loaded.model
    rows = model.lm_head(model.model.norm(sae.decoder))
    words = rows.softmax(-1).topk(method.tokens).indices[feature]

    def amplify(_module: object, _arguments: object, output: torch.Tensor) -> torch.Tensor:
        code = sae.encode(output)
        error = output - sae.decode(code)
        code[:, -1, feature] += method.amplification * code[:, -1].max()
        return sae.decode(code) + error

    hook = model.model.layers[planted.LAYER].register_forward_hook(amplify)
    ids = loaded.tokenizer(method.prompt, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        chances = model(ids).logits[0, -1].softmax(-1)
    hook.remove()
    ranks = chances.argsort(descending=True).argsort()[words]
    return float((1 - ranks.min() / len(chances)) * chances[words].max())


def test_output_scores_are_those_of_the_published_code(home: Path, loaded: LoadedModel) -> None:
    method = SaeOutputScore(
        kind="sae_output_score", sae="planted", prompt="the coin of", tokens=3, amplification=6.0
    )
    sae = saes(home, loaded).get("planted")
    found = OutputScorer(loaded, sae, method).scores(range(planted.D_SAE))
    truth = [output_score(loaded, feature, method) for feature in range(planted.D_SAE)]
    # A silent feature's logit-lens tokens are ties: only that it says nothing is known of it.
    assert found[:8] == pytest.approx(truth[:8], abs=1e-4)
    assert found[RAIN] > 3 * max(found[8:])


def test_the_output_score_chooses_what_is_heard(home: Path, loaded: LoadedModel) -> None:
    """Rain and its silent feature tell the texts apart, the silent one more; only rain is heard."""
    method = SaeOutputScore(kind="sae_output_score", sae="planted", prompt="the coin", tokens=3)
    sae = saes(home, loaded).get("planted")
    fit = OutputScoreFit(sae, method, OutputScorer(loaded, sae, method))
    positive, negative = (
        sae.decode(torch.stack([planted.code_of(word) for word in words])).numpy()
        for words in (planted.TOPICS["rain"], planted.FILLERS)
    )
    plain = DifferenceFit(sae, SaeDifference(kind="sae_difference", sae="planted", features=1))
    assert plain.choose(positive, negative)[0].feature == LONG
    (chosen,) = fit.choose(positive, negative)
    assert chosen.feature == RAIN
    assert chosen.coefficient == 1.0
    assert 0 < float(chosen.output_score or 0) <= 1
    assert np.allclose(fit(positive, negative), sae.decoder[RAIN].numpy())
    assert fit.choose(negative, negative) == []


def test_decoded_sums_rows() -> None:
    sae = planted.build_sae()
    found = features.decoded(sae, [Chosen(2, 0.5), Chosen(14, -2.0)])
    assert np.allclose(found, (0.5 * sae.decoder[2] - 2 * sae.decoder[14]).numpy(), atol=1e-6)
    assert not features.decoded(sae, []).any()


TRAINED = """\
source: {train: {text_set: planted, d_sae: 24, steps: 60, batch: 32}}
model: planted
layer: 1
check: {text_set: planted, explained_variance: -1e9, beside: accept}
"""


def test_training_is_done_once_and_the_same_again(home: Path, loaded: LoadedModel) -> None:
    planted_home.write_spec(home / "specs", "saes", "trained", TRAINED)
    state = torch.random.get_rng_state()
    sae = saes(home, loaded).get("trained")
    assert torch.equal(torch.random.get_rng_state(), state)
    (folder,) = (home / "saes").iterdir()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert saes(home, loaded).get("trained").sae_id == sae.sae_id
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "sae_weights.safetensors").unlink()  # as a killed process might have left it
    assert saes(home, loaded).get("trained").sae_id == sae.sae_id
    assert [path.name for path in (home / "saes").iterdir()] == [folder.name]


def test_a_plan_trains_nothing(home: Path, loaded: LoadedModel, tmp_path: Path) -> None:
    text = TRAINED.replace("steps: 60", "steps: 61")
    planted_home.write_spec(home / "specs", "saes", "planned", text)
    shelf = Saes(Catalog([home / "specs"]), Settings(home=tmp_path), loaded, plan_only=True)
    assert shelf.get("planned").d_sae == 24
    assert not (tmp_path / "saes").exists()


def test_training_is_on_its_own_model(home: Path, loaded: LoadedModel) -> None:
    other = replace(loaded, spec=loaded.spec.model_copy(update={"name": "other"}))
    planted_home.write_spec(home / "specs", "saes", "trained", TRAINED)
    with pytest.raises(Refused, match="trained on planted, and this run is on model other"):
        saes(home, other).get("trained")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not here")
def test_training_learns(tmp_path: Path) -> None:
    """More steps, smaller error: the trainer sees our activations, scaled and folded back."""
    catalog = Catalog()
    settings = Settings(home=tmp_path, sources=(SHARED,))
    stories = load(catalog.get("models", "stories260k"), settings)
    found = []
    for steps in (10, 300):
        text = STORIES.format(steps=steps)
        planted_home.write_spec(tmp_path / "specs", "saes", f"steps{steps}", text)
        shelf = Saes(Catalog([tmp_path / "specs"]), settings, stories)
        shelf.get(f"steps{steps}")
        found.append(shelf.rows()["sae_check"][0]["explained_variance"])
    assert found[0] < 0.3 < 0.6 < found[1]


STORIES = """\
source: {{train: {{text_set: stories, d_sae: 128, steps: {steps}, l1: 0.2}}}}
model: stories260k
layer: 2
check: {{text_set: stories, explained_variance: -1e9, beside: accept}}
"""


def test_what_a_training_is_about(home: Path, loaded: LoadedModel) -> None:
    spec = Catalog([home / "specs"]).get("saes", "trained")
    other = spec.model_copy(
        update={"source": spec.source.model_copy(update={"train": spec.source.train})}
    )
    same = training.folder_of(spec, loaded, "texts", home)
    assert training.folder_of(other, loaded, "texts", home) == same
    assert training.folder_of(spec, loaded, "others", home) != same
