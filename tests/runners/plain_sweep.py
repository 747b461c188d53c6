# A plain measurement of the reference model, with nothing of the engine and nothing of the builders:
# the model must show what is planted before anything else is judged by it.
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache

import torch
import yaml

from runners.reference_model import build, truth
from runners.reference_model.axes import WIDTH
from runners.reference_model.concept_files import FOLDER
from runners.reference_model.design import Item, items
from runners.reference_model.tokenizer import VOCABULARY
from runners.reference_model.traits import LAYERS
from runners.reference_model.truth import MULTIPLIERS, VARIANTS

GRID = torch.tensor(MULTIPLIERS, dtype=torch.float64)
FLOOR = 1e-3
DEFAULT = "You are a helpful, honest and concise assistant."


made = cache(build)


@cache
def personas(concept: str) -> dict:
    return yaml.safe_load((FOLDER / f"{concept}.yaml").read_text())["persona"]


def render(concept: str, item: Item, variant: str = "base", before: str = "") -> str:
    options = (item.question.positive, item.question.negative)[:: item.order]
    text = f"{item.question.text}\n\nChoices:\n(A): {options[0]}\n(B): {options[1]}"
    sign, in_user = VARIANTS[variant]
    said = personas(concept)["positive" if sign > 0 else "negative"]
    system = said if sign and not in_user else DEFAULT
    user = f"{before}{said}\n\n{text}" if in_user else f"{before}{text}"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return made()[1].apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def tokens(text: str) -> list[int]:
    return made()[1](text, add_special_tokens=False).input_ids


def block_outputs(ids: list[int]) -> torch.Tensor:
    # hooks, not output_hidden_states: its last entry lies behind the final norm
    model, seen = made()[0], []
    hooks = [
        block.register_forward_hook(lambda _m, _i, out: seen.append(out[0]))
        for block in model.model.layers
    ]
    model(torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    return torch.stack(seen)


@cache
def vectors(concept: str, variant: str = "base", orders: tuple[int, ...] = (1, -1)) -> torch.Tensor:
    train = [item for item in items(concept, "train") if item.order in orders]
    total = torch.zeros(LAYERS, WIDTH)
    for item in train:
        text = render(concept, item, variant)
        positive, negative = "AB"[:: item.order]
        for letter, sign in ((positive, 1), (negative, -1)):
            ids = tokens(f"{text}({letter})")
            assert ids[-2] == VOCABULARY.index(letter)
            total += sign * block_outputs(ids)[:, -2]
    return total / len(train)


def answer(ids: torch.Tensor, layer: int, delta: torch.Tensor, **cached) -> torch.Tensor:
    """A minus B at the last position, delta (broadcast to [batch, tokens, d]) added to the block's output."""
    model = made()[0]
    hook = model.model.layers[layer].register_forward_hook(lambda _m, _i, out: out + delta)
    logits = model(ids, **cached).logits[:, -1]
    hook.remove()
    return logits[:, VOCABULARY.index("A")] - logits[:, VOCABULARY.index("B")]


def sweep(
    concept: str,
    births: Mapping[int, torch.Tensor],
    variant: str = "base",
    split: str = "test",
    **rendering: str,
) -> dict[int, torch.Tensor]:
    """Logit differences [items, multipliers] by layer, steered from the last prompt token on."""
    asked = items(concept, split)
    by_length = defaultdict(list)
    for place, item in enumerate(asked):
        row = tokens(render(concept, item, variant, **rendering) + "(")
        by_length[len(row)].append((place, row))
    found = {layer: torch.zeros(len(asked), len(MULTIPLIERS)) for layer in births}
    for group in by_length.values():
        places, rows = zip(*group, strict=True)
        order = torch.tensor([asked[place].order for place in places])
        for layer, a_minus_b in swept_batch(torch.tensor(rows), births):
            found[layer][list(places)] = order[:, None] * a_minus_b
    return found


def swept_batch(
    ids: torch.Tensor, births: Mapping[int, torch.Tensor]
) -> Iterator[tuple[int, torch.Tensor]]:
    """A minus B [rows, multipliers] by layer."""
    # what comes before the last prompt token is never steered: processed once and kept
    n = len(MULTIPLIERS)
    cache = made()[0](ids[:, :-2], use_cache=True).past_key_values
    cache.batch_repeat_interleave(n)
    last = ids[:, -2:].repeat_interleave(n, dim=0)
    for layer, vector in births.items():
        delta = GRID.float().repeat(len(ids))[:, None, None] * vector
        yield layer, answer(last, layer, delta, past_key_values=cache).view(-1, n)
        cache.crop(-2)


def slopes(diffs: torch.Tensor) -> list[float]:
    return ((diffs.double() @ GRID) / (GRID @ GRID)).tolist()


@cache
def swept(concept: str, variant: str = "base", split: str = "test") -> dict[int, torch.Tensor]:
    births = vectors(concept)
    layers = range(LAYERS) if variant == "base" else [best_or_3(concept)]
    return sweep(concept, {layer: births[layer] for layer in layers}, variant, split)


def planted(concept: str, quantity: str) -> dict[tuple[str, int | None], float | None]:
    return {
        (row.variant, row.layer): row.value for row in truth(concept) if row.quantity == quantity
    }


def best_or_3(concept: str) -> int:
    best = planted(concept, "best_layer")["base", None]
    return 3 if best is None else int(best)
