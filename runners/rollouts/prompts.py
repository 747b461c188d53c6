"""A prompt set as one model reads it: openings as token ids, and the id of the evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.campaign.ids import rollout_evaluation_id
from runners.prompts.encoding import encode_plain
from specs.faults import Refused
from specs.identity import identity

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from specs.schema import PromptSet, Rollouts

IN_ID = ("tokens", "temperature", "top_k", "top_p", "seed")
"""What of an experiment's rollouts the unsteered ones depend on, beside the openings."""


class Opening(NamedTuple):
    """One opening."""

    prompt_id: str
    text: str
    tokens: tuple[int, ...]
    copies: int


class Pair(NamedTuple):
    """A sample of an opening: what one unsteered rollout, and one of each vector, are of."""

    opening: Opening
    sample: int


@dataclass(frozen=True)
class TokenisedPrompts:
    """The openings of a set as token ids."""

    spec: PromptSet
    prompt_set_id: str
    evaluation_id: str
    parameters: dict[str, Any]
    openings: list[Opening]
    """In the order of the set."""

    def pairs(self, samples: int) -> list[Pair]:
        """Return the samples, all openings' first ones first: more samples come behind them."""
        return [
            Pair(opening, turn * opening.copies + copy)
            for turn in range(samples)
            for opening in self.openings
            for copy in range(opening.copies)
        ]


def tokenise_prompts(loaded: LoadedModel, spec: PromptSet, asked: Rollouts) -> TokenisedPrompts:
    """Return the openings, BOS before each where the tokenizer has one.

    Raises:
        Refused: an opening of no token, or one that leaves no room in the model's context.
    """
    bos = loaded.tokenizer.bos_token_id
    found = []
    for text, bare in zip(
        spec.prompts, encode_plain(loaded.tokenizer, list(spec.prompts)), strict=True
    ):
        begun = bos is None or bare[:1] == [bos]
        tokens = bare if begun else [bos, *bare]
        if not tokens:
            raise Refused(
                f"prompt set {spec.name}: the tokenizer of model {loaded.spec.name} has no BOS, so "
                f"that the opening {text!r} is no token; take it out, or use another set"
            )
        if len(tokens) + asked.tokens > loaded.context:
            raise Refused(
                f"prompt set {spec.name}: {text!r} and {asked.tokens} sampled tokens do not fit "
                f"into the {loaded.context} tokens of model {loaded.spec.name}; ask for fewer"
            )
        prompt_id = identity("prompt", text=text)
        found.append(Opening(prompt_id, text, tuple(tokens), spec.copies.get(text, 1)))
    rows = [[row, one.prompt_id, one.copies] for row, one in enumerate(found)]
    set_id = identity("prompt_set", rows=rows)
    parameters = {name: getattr(asked, name) for name in IN_ID}
    evaluation = rollout_evaluation_id(loaded.model_id, set_id, parameters)
    return TokenisedPrompts(spec, set_id, evaluation, parameters, found)


def end_tokens(loaded: LoadedModel) -> frozenset[int]:
    """Return the tokens that end a rollout: those of the model's own generation, and EOS."""
    own = getattr(loaded.model.generation_config, "eos_token_id", None)
    listed = own if isinstance(own, list) else [own]
    return frozenset(int(t) for t in (*listed, loaded.tokenizer.eos_token_id) if t is not None)
