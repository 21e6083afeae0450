"""Configurations of the transformers library made small, by the names that they give to sizes."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig

__all__ = ["small_settings"]

_N_LAYERS = 3
_SIZES: dict[int, str] = {
    260: """vocab_size entity_vocab_size vocab_size_per_layer_input n_vocab text_vocab_size src_vocab_size
        tgt_vocab_size""",
    32: """hidden_size d_model n_embd dim embed_dim embedding_size emb_dim encoder_hidden_size decoder_hidden_size
        word_embed_proj_dim d_embed hidden_dim embedding_dim encoder_embed_dim entity_emb_size input_embedding_size
        output_embedding_size projection_dim dim_model lru_width true_hidden_size projection_size bottleneck_size
        intra_bottleneck_size moe_intermediate_size expert_ffn_size moe_ffn_hidden_size expert_intermediate_size
        out_hidden_size q_lora_rank kv_lora_rank text_hidden_size audio_hidden_size condition_dim""",
    64: """intermediate_size ffn_dim d_ff encoder_ffn_dim decoder_ffn_dim d_inner inner_dim n_inner ffn_hidden_size dim_ff
        mlp_dim shared_intermediate_size intermediate_size_mlp shared_expert_intermediate_size
        mamba_d_ssm""",
    _N_LAYERS: """num_hidden_layers n_layer n_layers num_layers encoder_layers decoder_layers num_decoder_layers
        num_encoder_layers depth n_encoder_layers eos_token_id sep_token_id""",
    8: """head_dim d_kv kv_channels v_head_dim qk_nope_head_dim attention_head_size global_head_dim attn_head_dim
        linear_key_head_dim linear_value_head_dim hidden_size_per_layer_input rotary_dim kda_head_dim dim_head
        qk_rope_head_dim""",
    16: """index_head_dim o_lora_rank sliding_window mamba_d_head mamba_head_dim mamba_d_state ssm_state_size state_size
        attention_window_size attention_chunk_size""",
    128: """max_position_embeddings n_positions max_seq_len max_sequence_length n_ctx context_length max_source_positions
        max_target_positions""",
    4: """num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads attention_heads
        num_experts num_local_experts n_routed_experts moe_num_experts ffn_num_experts linear_num_key_heads
        linear_num_value_heads mamba_n_heads mamba_num_heads num_v_heads num_k_heads""",
    2: """num_key_value_heads multi_query_group_num num_kv_heads num_experts_per_tok num_experts_per_token top_k_experts
        moe_k moe_topk num_mem_blocks mask_token_id unk_token_id""",
    1: """n_group topk_group first_k_dense_replace n_shared_experts bos_token_id decoder_start_token_id cls_token_id""",
    0: """pad_token_id""",
    28: """image_size img_size""",
    7: """patch_size""",
}  # fmt: skip
_SIZE_OF: dict[str, int] = {name: size for size, names in _SIZES.items() for name in names.split()}
_PATTERNS: dict[str, Any] = {"attention_types": [[["global"], _N_LAYERS]]}
_ROTATIONS = ("rope_parameters", "rope_scaling")
_KINDS = ("layer_types", "mlp_layer_types", "layers_block_type", "indexer_types")

_AS_MANY_HEADS = {"num_key_value_heads": 4}
_ATTEMPTS: tuple[dict[str, Any], ...] = (
    {},
    _AS_MANY_HEADS,
    {"mrope_section": True},
    _AS_MANY_HEADS | {"partial_rotary_factor": 1.0},
    _AS_MANY_HEADS | {"head_dim": 16, "qk_rope_head_dim": 16, "qk_nope_head_dim": 16, "v_head_dim": 16},
    _AS_MANY_HEADS | {"qk_rope_head_dim": 0},
    {"num_attention_heads": 2},
    {"num_experts_per_tok": 1},
    {"num_heads": 8},
    {"n_groups": 1, "mamba_n_groups": 1},
    {"hidden_size": 48, "coordinate_size": 8, "shape_size": 8},
    {"image_size": [28, 28]},
    {"layer_types": ["full_attention"] * _N_LAYERS},
)
"""What is tried beside the sizes, in order, for architectures that want sizes which fit each other. What a configuration
does not know is left out."""


def small_settings(kind: type[PretrainedConfig], /) -> list[dict[str, Any]]:
    """Give the settings that make the default configuration of an architecture small, in ways that differ.

    Parameters
    ----------
    kind : type
        Of the configuration.
    """
    ways: list[dict[str, Any]] = []
    for extra in _ATTEMPTS:
        changes = _changes(kind(), extra)
        if changes not in ways:
            ways.append(changes)
    return ways


def _changes(config: PretrainedConfig, extra: dict[str, Any]) -> dict[str, Any]:
    known = config.to_dict()
    sizes = _SIZE_OF | extra
    changed: dict[str, Any] = {}
    for name, value in known.items():
        # Not asked for what is plain: some settings vary across layers, and are given by the layer alone.
        part = getattr(config, name, None) if isinstance(value, dict) else None
        if isinstance(part, PretrainedConfig):
            changed[name] = {"model_type": part.model_type, **_changes(part, extra)}
        elif name in _PATTERNS:
            changed[name] = _PATTERNS[name]
        elif name in _KINDS and isinstance(value, list):
            changed[name] = _few(value)
        elif name in _ROTATIONS and isinstance(value, dict):
            changed[name] = _fit(value, _n_rotated(known, sizes), extra)
        elif name in sizes and (name in extra or not isinstance(value, (list, dict))):
            changed[name] = sizes[name]
    return changed


def _n_rotated(known: dict[str, Any], sizes: dict[str, Any]) -> int:
    """Give the features of a head that positions rotate, where all of them are."""
    named = [name for name in ("qk_rope_head_dim", "head_dim") if known.get(name) is not None]
    return int(sizes[named[0]] if named else sizes["hidden_size"] // sizes["num_attention_heads"])


def _fit(rotation: dict[str, Any], n_rotated: int, extra: dict[str, Any]) -> dict[str, Any]:
    """Let the axes of positions share the rotated features, which come in pairs; kinds of layers may have their own."""
    fitting = {
        name: _fit(value, n_rotated, extra) if isinstance(value, dict) else extra.get(name, value)
        for name, value in rotation.items()
    }
    if "mrope_section" in fitting or "mrope_section" in extra:
        pairs = int(n_rotated * (fitting.get("partial_rotary_factor") or 1.0)) // 2
        third = (pairs + 1) // 3
        fitting["mrope_section"] = [third, third, pairs - 2 * third]
    return fitting


def _few(kinds: list[Any]) -> list[Any]:
    """Keep as many kinds of layers as there is room for."""
    different = list(dict.fromkeys(kinds))
    last = "full_attention" if "full_attention" in different else different[-1]
    return [different[i % len(different)] for i in range(_N_LAYERS - 1)] + [last]
