"""Configurations of the transformers library made small, by the names that they give to sizes."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig

__all__ = ["ATTEMPTS", "shrink"]

_N_LAYERS = 3
_SIZES: dict[int, str] = {
    260: """vocab_size entity_vocab_size vocab_size_per_layer_input n_vocab text_vocab_size src_vocab_size
        tgt_vocab_size""",
    32: """hidden_size d_model n_embd dim embed_dim embedding_size emb_dim encoder_hidden_size decoder_hidden_size
        word_embed_proj_dim d_embed hidden_dim embedding_dim encoder_embed_dim entity_emb_size input_embedding_size
        output_embedding_size projection_dim dim_model lru_width true_hidden_size projection_size bottleneck_size
        intra_bottleneck_size moe_intermediate_size expert_ffn_size moe_ffn_hidden_size expert_intermediate_size
        out_hidden_size q_lora_rank kv_lora_rank""",
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
_KINDS = ("layer_types", "mlp_layer_types", "layers_block_type", "indexer_types")

_AS_MANY_HEADS = {"num_key_value_heads": 4}
_MANY_AXES = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}}
ATTEMPTS: tuple[dict[str, Any], ...] = (
    {},
    _AS_MANY_HEADS,
    _MANY_AXES,
    _AS_MANY_HEADS | {"head_dim": 16, "qk_rope_head_dim": 16, "qk_nope_head_dim": 16, "v_head_dim": 16},
    {"num_attention_heads": 2},
    {"num_experts_per_tok": 1},
)
"""What is tried beside the sizes, in order, for architectures that want sizes which fit each other."""


def shrink(kind: type[PretrainedConfig], extra: dict[str, Any], /) -> PretrainedConfig:
    """Give the default configuration of an architecture, made small.

    Parameters
    ----------
    kind : type
        Of the configuration.
    extra : dict
        One of `ATTEMPTS`; what a configuration does not know is left out.
    """
    return kind(**_changes(kind(), extra))


def _changes(config: PretrainedConfig, extra: dict[str, Any]) -> dict[str, Any]:
    known = config.to_dict()
    sizes = _SIZE_OF | extra
    changed: dict[str, Any] = {}
    for name, value in known.items():
        # Not asked for what is plain: some settings vary across layers, and are given by the layer alone.
        part = getattr(config, name, None) if isinstance(value, dict) else None
        if isinstance(part, PretrainedConfig):
            changed[name] = _changes(part, extra)
        elif name in _PATTERNS:
            changed[name] = _PATTERNS[name]
        elif name in _KINDS and isinstance(value, list):
            changed[name] = _few(value)
        elif name in sizes and (name in extra or not isinstance(value, (list, dict))):
            changed[name] = sizes[name]
    return changed


def _few(kinds: list[Any]) -> list[Any]:
    """Keep as many kinds of layers as there is room for."""
    different = list(dict.fromkeys(kinds))
    last = "full_attention" if "full_attention" in different else different[-1]
    return [different[i % len(different)] for i in range(_N_LAYERS - 1)] + [last]
