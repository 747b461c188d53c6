"""The configurations of tiny models of every proven family."""

from __future__ import annotations

from typing import Any

LAYERS, WIDTH, VOCABULARY = 4, 48, 320
SHAPE = {
    "hidden_size": WIDTH,
    "intermediate_size": 80,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "initializer_range": 0.3,
    "attention_dropout": 0.1,
}
WINDOW = {"sliding_window": 6}
ALTERNATING = ["sliding_attention", "full_attention"] * (LAYERS // 2)
GPT2 = {"n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_positions": 128}
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
MOE = {"moe_intermediate_size": 40, "num_experts_per_tok": 2}
OPT = {"ffn_dim": 80, "word_embed_proj_dim": 32}
FALCON = {"num_kv_heads": 2, "new_decoder_architecture": True, "ffn_hidden_size": 80}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"tie_word_embeddings": True}),
    "llama (eager)": ("Llama", {"attn_implementation": "eager", "mlp_bias": True}),
    "qwen2": ("Qwen2", {}),
    "qwen2 (sliding layers)": (
        "Qwen2",
        {"use_sliding_window": True, **WINDOW, "max_window_layers": 2},
    ),
    "qwen3": ("Qwen3", {"head_dim": 16}),
    "mistral (window 6)": ("Mistral", {**WINDOW, "head_dim": 12}),
    "gemma2": (
        "Gemma2",
        {
            **WINDOW,
            "head_dim": 12,
            "layer_types": ALTERNATING,
            "query_pre_attn_scalar": 12,
            "attn_logit_softcapping": 5.0,
            "final_logit_softcapping": 8.0,
            "attn_implementation": "eager",
        },
    ),
    "gemma3_text": (
        "Gemma3",
        {**WINDOW, "head_dim": 12, "layer_types": ALTERNATING, "query_pre_attn_scalar": 12},
    ),
    "gpt2": ("GPT2LMHead", {**GPT2, "attn_implementation": "sdpa"}),
    "gpt2 (eager)": ("GPT2LMHead", {**GPT2, "attn_implementation": "eager"}),
    "gpt_neox": ("GPTNeoX", {"rotary_pct": 0.5}),
    "granite": ("Granite", {"logits_scaling": 2.0, "residual_multiplier": 0.5}),
    "olmo2": ("Olmo2", {}),
    "phi3 (window 6)": ("Phi3", WINDOW),
    "starcoder2 (window 6)": ("Starcoder2", WINDOW),
    "cohere": ("Cohere", {"logit_scale": 0.5}),
    "cohere2 (window 6)": ("Cohere2", {**WINDOW, "layer_types": ALTERNATING, "logit_scale": 0.5}),
    "deepseek_v3": (
        "DeepseekV3",
        {
            **MOE,
            "num_key_value_heads": 4,
            "n_shared_experts": 1,
            "n_routed_experts": 4,
            "n_group": 2,
            "topk_group": 1,
            "kv_lora_rank": 16,
            "q_lora_rank": 24,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 12,
            "v_head_dim": 12,
            "first_k_dense_replace": 1,
        },
    ),
    "falcon": ("Falcon", FALCON),
    "falcon (multi-query)": ("Falcon", {"parallel_attn": True, "multi_query": True}),
    "falcon (alibi)": ("Falcon", {"alibi": True, "num_kv_heads": 4, "parallel_attn": False}),
    "gpt_oss": (
        "GptOss",
        {
            **WINDOW,
            "head_dim": 12,
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
            "layer_types": ALTERNATING,
            "attn_implementation": "eager",
            "rope_parameters": ROPE,
        },
    ),
    "gptj": ("GPTJ", {**GPT2, "rotary_dim": 8, "attn_implementation": "eager"}),
    "llama4_text (chunk 8)": (
        "Llama4",
        {
            "head_dim": 12,
            "intermediate_size_mlp": 80,
            "num_local_experts": 2,
            "num_experts_per_tok": 1,
            "attention_chunk_size": 8,
            "rope_parameters": ROPE,
        },
    ),
    "mixtral": ("Mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "olmo": ("Olmo", {"clip_qkv": 2.0}),
    "opt": ("OPT", OPT),
    "phi": ("Phi", {"qk_layernorm": True}),
    "qwen2_moe": ("Qwen2Moe", {**MOE, "num_experts": 4, "shared_expert_intermediate_size": 40}),
    "qwen3_moe": ("Qwen3Moe", {**MOE, "num_experts": 4, "head_dim": 12}),
    "codegen": ("CodeGen", {**GPT2, "rotary_dim": 8, "attn_implementation": "eager"}),
    "exaone4 (window 6)": ("Exaone4", {**WINDOW, "layer_types": ALTERNATING}),
    "gemma": ("Gemma", {"head_dim": 12}),
    "glm": ("Glm", {"head_dim": 12}),
    "glm4": ("Glm4", {"head_dim": 12}),
    "ministral (window 6)": ("Ministral", {**WINDOW, "head_dim": 12}),
    "olmo3 (window 6)": ("Olmo3", {**WINDOW, "layer_types": ALTERNATING}),
    "olmoe": ("Olmoe", {"num_experts": 4, "num_experts_per_tok": 2}),
    "seed_oss": ("SeedOss", {"head_dim": 12}),
    "smollm3": ("SmolLM3", {"no_rope_layer_interval": 2}),
    "stablelm": (
        "StableLm",
        {"use_qkv_bias": True, "rope_parameters": {**ROPE, "partial_rotary_factor": 0.5}},
    ),
}
LINEAR = {
    "linear_key_head_dim": 12,
    "linear_value_head_dim": 12,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}
REPLAYED_CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "bloom": ("Bloom", {"n_layer": LAYERS, "n_head": 4, "attn_implementation": "eager"}),
    "gpt_bigcode": ("GPTBigCode", GPT2),
    "gpt_neo (window 6)": (
        "GPTNeo",
        {
            "num_layers": LAYERS,
            "num_heads": 4,
            "attention_types": [[["global", "local"], LAYERS // 2]],
            "window_size": 6,
            "attn_implementation": "eager",
        },
    ),
    "mpt": (
        "Mpt",
        {
            "d_model": WIDTH,
            "n_heads": 4,
            "n_layers": LAYERS,
            "max_seq_len": 128,
            "attn_implementation": "eager",
        },
    ),
    "phi3 (longrope)": (
        "Phi3",
        {
            "original_max_position_embeddings": 12,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "short_factor": [1.0] * 6,
                "long_factor": [2.0] * 6,
                "factor": 4.0,
                "original_max_position_embeddings": 12,
            },
        },
    ),
    "falcon_h1": (
        "FalconH1",
        {
            "mamba_d_ssm": 48,
            "mamba_n_heads": 4,
            "mamba_d_head": 12,
            "mamba_d_state": 8,
            "mamba_chunk_size": 8,
        },
    ),
    "lfm2": (
        "Lfm2",
        {"layer_types": ["conv", "full_attention"] * (LAYERS // 2), "block_multiple_of": 8},
    ),
    "mamba": ("Mamba", {"state_size": 4, "attn_implementation": "eager"}),
    "qwen3_next": (
        "Qwen3Next",
        {
            **MOE,
            **LINEAR,
            "head_dim": 12,
            "num_experts": 4,
            "shared_expert_intermediate_size": 40,
            "layer_types": ["linear_attention", "full_attention"] * (LAYERS // 2),
        },
    ),
}
"""Served by replay only."""
