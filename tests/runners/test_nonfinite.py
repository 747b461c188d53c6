import pytest
import torch

from runners.engine.chains import sweep
from runners.engine.nonfinite import refuse_nonfinite
from runners.models.architecture import parts
from specs.faults import Refused
from tests.runners.families import MIXED, random_births, random_model, stand_in, tiny
from tests.runners.family_configs import WIDTH

torch.set_num_threads(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_overflow_names_the_item_the_layer_and_the_row(dtype):
    loaded = stand_in(random_model("llama"), dtype)
    births = random_births(loaded)
    births[2] = torch.cat(
        [births[2], torch.full((1, WIDTH), 1e5 if dtype == torch.float16 else torch.inf)]
    )
    with pytest.raises(Refused) as refusal:
        sweep(loaded, MIXED[:2], births, "answer")
    assert "row 3 (length " in str(refusal.value)
    assert "at layer 2 gives logits that are not finite in float" in str(refusal.value)
    assert "ask for smaller multipliers" in str(refusal.value)
    assert ("float32" in str(refusal.value).split("multipliers")[1]) == (dtype == torch.float16)


def test_a_model_that_is_not_finite_unsteered():
    loaded = stand_in(random_model("llama"))
    with torch.no_grad():
        parts(loaded.model).blocks[0].mlp.down_proj.weight[0, 0] = torch.nan
    with pytest.raises(Refused, match="item item0: its unsteered logits are not finite in float32"):
        sweep(loaded, MIXED, random_births(loaded), "answer")


def test_numbers_that_only_the_fast_path_gets_wrong_are_not_blamed_on_the_vector():
    loaded, births = tiny("llama"), random_births(tiny("llama"))
    result = sweep(loaded, MIXED, births, "answer")
    result.steered[1].answer_logmass[2, 0] = torch.nan
    with pytest.raises(
        Refused, match="item item2: the fast sweep gives numbers that are not finite where"
    ):
        refuse_nonfinite(loaded, MIXED, births, "answer", result.unsteered, result.steered)
