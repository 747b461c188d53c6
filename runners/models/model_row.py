"""A model's id and its row in the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.models.loading import QUANTISATION, overrides
from runners.prompts.chat import chat_template
from specs.identity import canonical_json, identity, sha256

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from specs.schema import Model


@dataclass(frozen=True)
class Origin:
    """Where a model comes from."""

    source: str
    """`hub:organisation/name`, `folder:name` or `builtin:reference`."""
    revision: str
    """Commit, hash of the files, or version of the construction."""
    about: dict[str, Any]
    """What the model's id says of it."""


def model_row(
    spec: Model,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    origin: Origin,
    context: int,
) -> dict[str, Any]:
    """Return the model's row; its id hashes what decides about its numbers."""
    template = chat_template(tokenizer, spec)
    identifying = {
        "dtype": str(model.get_input_embeddings().weight.dtype).removeprefix("torch."),
        "quantisation": _quantisation(model, spec),
        "chat_template_sha256": sha256(template) if template is not None else None,
        "template_kwargs": canonical_json(spec.template_kwargs),
        "system_role": spec.system_role,
    }
    changed = {"configuration": overrides(spec)} if overrides(spec) else {}
    text = model.config.get_text_config()
    return {
        "model_id": identity("model", **origin.about, **changed, **identifying),
        "source": origin.source,
        "revision": origin.revision,
        "architecture": type(model).__name__,
        "n_layers": text.num_hidden_layers,
        "d_model": text.hidden_size,
        "context_length": context,
        "vocabulary_size": text.vocab_size,
        "n_parameters": sum(weight.numel() for weight in model.parameters()),
        "template": spec.template if spec.template in ("own", "plain") else "jinja2",
        **identifying,
    }


def _quantisation(model: PreTrainedModel, spec: Model) -> str | None:
    """Return how the weights are quantised, as JSON; None where they are not."""
    stated = getattr(model.config, QUANTISATION, None) or spec.loading.get(QUANTISATION)
    if stated is None:
        return None
    return canonical_json(stated if isinstance(stated, dict) else stated.to_dict())
