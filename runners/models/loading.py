"""The `loading:` keys of a model spec: what may stand there, and what is set elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from specs.reader import place
from specs.suggestions import did_you_mean

if TYPE_CHECKING:
    from specs.schema import Model

ENGINE = (
    "attn_implementation",
    "device_map",
    "experts_implementation",
    "low_cpu_mem_usage",
    "max_memory",
    "offload_buffers",
    "offload_folder",
    "tp_plan",
    "tp_size",
)
"""Keys of `from_pretrained` that say how a model is computed, not which model it is."""
QUANTISATION = "quantization_config"
OPTIONS = (*ENGINE, QUANTISATION)
ELSEWHERE = {
    "dtype": "say `dtype:` in the spec",
    "torch_dtype": "say `dtype:` in the spec",
    "revision": "say `revision:` in the spec",
    "trust_remote_code": "code that comes with weights is never run",
    "use_safetensors": "only safetensors are read",
    "weights_only": "only safetensors are read",
    "pickle_module": "only safetensors are read",
    "gguf_file": "only safetensors are read",
    "local_files_only": "take the network away, or use --sources DIR",
    "force_download": "delete the model from the Hub's cache",
    "cache_dir": "set the environment variable HF_HUB_CACHE",
    "token": "log in with `hf auth login`; a spec is no place for secrets",
    "use_auth_token": "log in with `hf auth login`; a spec is no place for secrets",
    "load_in_4bit": f"say `{QUANTISATION}: {{quant_method: bitsandbytes, load_in_4bit: true}}`",
    "load_in_8bit": f"say `{QUANTISATION}: {{quant_method: bitsandbytes, load_in_8bit: true}}`",
}
"""Keys that are not taken, and what to do instead."""


def loading_faults(spec: Model, configuration: Collection[str] | None) -> list[str]:
    """Return the keys of `loading:` that cannot stand there, a line each.

    `configuration` holds the keys of the model's configuration. None where they are not known: a
    key that is no option is then a fault only if it resembles one.
    """
    if spec.builtin:
        where = place(spec, ("loading",))
        extra = ", ".join(key for key in spec.loading if key != "device_map")
        return [f"{where}: a builtin model takes device_map only; remove {extra}"] if extra else []
    lines = []
    for key in spec.loading:
        where = place(spec, ("loading", key))
        hint = did_you_mean(key, [*OPTIONS, *(configuration or ())])
        if key in ELSEWHERE:
            lines.append(f"{where}: not taken here; {ELSEWHERE[key]}")
        elif key in OPTIONS or key in (configuration or ()):
            continue
        elif hint or configuration is not None:
            lines.append(
                f"{where}: neither an option of from_pretrained nor a key of the model's "
                f"configuration{hint or ';'} options: {', '.join(OPTIONS)}"
            )
    return lines


def overrides(spec: Model) -> dict[str, Any]:
    """Return the `loading:` keys that change the model itself, and so belong in its id."""
    return {key: value for key, value in spec.loading.items() if key not in OPTIONS}
