"""Model specs: what is loaded, and how it is spoken to."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    Field,
    model_validator,
)

from specs.parts import (
    Scalar,
    Spec,
)


class Model(Spec):
    """A language model and how it is loaded and spoken to; name exactly one of the first three."""

    hub: str | None = None
    """Hub id, `organisation/name`."""
    folder: str | None = None
    """Folder in transformers format, relative to the YAML."""
    builtin: Literal["reference"] | None = None
    """`reference`: the model whose truth is known."""
    revision: str = "main"
    """For `hub`: branch, tag or commit; the commit resolved at download is recorded."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """`auto`: float32 on a CPU; on a GPU the checkpoint's own."""
    system_role: Literal["native", "merge_into_user", "refuse"] = "native"
    """What happens to a system message: given to the template as such, put before the user
    message with a blank line between, or refused."""
    template: str = "own"
    """`own`: the tokenizer's chat template; `plain`: the messages with blank lines between, a
    space, the answer; anything with `{` in it: a jinja2 chat template."""
    template_kwargs: dict[str, Scalar] = Field(default={})
    """Passed to the chat template, e.g. `enable_thinking: false`, `date_string: 26 Jul 2024`."""
    template_system: Literal["refuse", "accept"] = "refuse"
    """Whether a system text that the template adds on its own is accepted where the variant
    asserts that there is none."""
    context: int | None = Field(default=None, ge=2)
    """Tokens the model can hold; left out: as its configuration says."""
    loading: dict[str, Any] = Field(default={})
    """Further keyword arguments of `from_pretrained`: `attn_implementation: eager`, `device_map:
    auto` (or a map to cpu, disk and GPUs), `quantization_config: {quant_method: torchao,
    quant_type: Int8WeightOnlyConfig}`, and keys of the model's own configuration."""

    @model_validator(mode="after")
    def _one_origin(self) -> Model:
        given = [key for key in ("hub", "folder", "builtin") if getattr(self, key)]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"name exactly one of hub, folder, builtin (found {found})")
        return self
