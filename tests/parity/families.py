"""Small configs of every family that Chorus serves: what parity.py and tools/golden/make_family_golden.py run.

A family is named as in config.json. Its first config, of odd widths, is the golden one; the others have the widths of
head of real models. To add a family, add its configs here: generators and classifiers are told apart by the
architecture's name.
"""

# Vocabulary, and what all configs that do not say otherwise have of tokens that end a text: none.
VOCAB = 203
COMMON = {"vocab_size": VOCAB, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}


def llama(hidden, heads, kv_heads, layers=2, **more):
    """A config with the field names of Llama."""
    return {"hidden_size": hidden, "intermediate_size": 2 * hidden + 10, "num_hidden_layers": layers,
            "num_attention_heads": heads, "num_key_value_heads": kv_heads, "max_position_embeddings": 160, **more}


def gpt2(hidden, heads, layers=2, **more):
    return {"n_embd": hidden, "n_head": heads, "n_layer": layers, "n_positions": 160, **more}


def opt(hidden, heads, layers=2, **more):
    return {"hidden_size": hidden, "ffn_dim": 3 * hidden + 1, "num_hidden_layers": layers,
            "num_attention_heads": heads, "max_position_embeddings": 160, **more}


def gpt_neo(hidden, heads, layers=4, window=16, **more):
    return {"hidden_size": hidden, "num_layers": layers, "num_heads": heads, "window_size": window,
            "attention_types": [[["global", "local"], layers // 2]], "max_position_embeddings": 160, **more}


def gpt_neox(hidden, heads, layers=2, **more):
    return {"hidden_size": hidden, "intermediate_size": 3 * hidden + 2, "num_hidden_layers": layers,
            "num_attention_heads": heads, "max_position_embeddings": 160, **more}


def longrope(half):
    return {"type": "longrope", "short_factor": [1 + i / (2 * half) for i in range(half)],
            "long_factor": [1 + i for i in range(half)]}


def bert(hidden, heads, layers=2, **more):
    """A config with the field names of BERT; its first position is 0."""
    return {"hidden_size": hidden, "intermediate_size": 2 * hidden + 10, "num_hidden_layers": layers,
            "num_attention_heads": heads, "max_position_embeddings": 160, "pad_token_id": 0, **more}


def roberta(hidden, heads, **more):
    return bert(hidden, heads, **{"pad_token_id": 1, "max_position_embeddings": 162, "type_vocab_size": 1,
                                  "layer_norm_eps": 1e-5, **more})


def distilbert(dim, heads, **more):
    return {"dim": dim, "hidden_dim": 2 * dim + 10, "n_layers": 2, "n_heads": heads, "max_position_embeddings": 160,
            "pad_token_id": 0, **more}


def modernbert(hidden, heads, layers=4, **more):
    ids = {"bos_token_id": 1, "cls_token_id": 1, "eos_token_id": 2, "sep_token_id": 2}
    return bert(hidden, heads, layers, reference_compile=False, **ids, **more)


# Beside those that a family has by default.
OTHER_ACTIVATIONS = ["gelu_python", "gelu_fast", "gelu_accurate", "gelu_python_tanh", "gelu_10", "quick_gelu", "silu",
                     "swish", "mish", "relu", "relu2", "relu6", "leaky_relu", "tanh", "sigmoid", "laplace", "linear"]
THREE_LABELS = {"id2label": {"0": "A", "1": "B", "2": "C"}}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 40}

# architecture: {name: config}
FAMILIES = {
    "GPT2LMHeadModel": {
        "gpt2": gpt2(60, 3, n_inner=130, scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True,
                     tie_word_embeddings=False),
        "gpt2, head 64": gpt2(192, 3),
        "gpt2, scores not scaled": gpt2(128, 2, scale_attn_weights=False, activation_function="gelu"),
        "gpt2, tanh": gpt2(60, 3, activation_function="tanh"),
    },
    "GPTNeoForCausalLM": {
        "gpt_neo": gpt_neo(60, 3, window=7, intermediate_size=131),
        "gpt_neo, head 128": gpt_neo(256, 2, window=40),
    },
    "GPTNeoXForCausalLM": {
        "gpt_neox": gpt_neox(72, 3, rotary_pct=0.5, intermediate_size=130),
        "gpt_neox, head 64, one sublayer after the other": gpt_neox(192, 3, use_parallel_residual=False,
                                                                    attention_bias=False),
        "pythia, head 80": gpt_neox(160, 2, rotary_emb_base=5000, rope_scaling={"type": "linear", "factor": 2.0}),
        "gpt_neox_odd": gpt_neox(72, 3, rotary_pct=0.3, hidden_act="quick_gelu"),
    },
    "OPTForCausalLM": {
        "opt": opt(60, 3),
        "opt_350m": opt(60, 3, do_layer_norm_before=False, word_embed_proj_dim=34),
        "opt, head 64": opt(192, 3, enable_bias=False),
    },
    "LlamaForCausalLM": {
        "llama": llama(60, 6, 2, head_dim=18, rope_scaling=LLAMA3, tie_word_embeddings=True),
        "llama, head 64, biases": llama(256, 4, 1, attention_bias=True, mlp_bias=True),
        "llama, head 128, yarn": llama(256, 2, 2, rope_scaling=YARN, rope_theta=500000.0),
        "llama, 9 heads, dynamic": llama(576, 9, 3, rope_scaling={"rope_type": "dynamic", "factor": 2.0}),
        "llama, 10 heads on 1": llama(160, 10, 1, rope_scaling={"rope_type": "linear", "factor": 4.0}),
        "llama_relu2": llama(60, 6, 2, hidden_act="relu2"),
    },
    "MistralForCausalLM": {
        "mistral": llama(60, 6, 3, head_dim=22, sliding_window=9),
        "mistral, head 128, no window": llama(256, 4, 2, head_dim=128, sliding_window=None),
    },
    "Qwen2ForCausalLM": {
        "qwen2": llama(70, 7, 1, use_sliding_window=True, sliding_window=11, max_window_layers=1),
        "qwen2, 14 heads of 64": llama(896, 14, 2, rope_theta=1e6, tie_word_embeddings=True),
    },
    "Qwen3ForCausalLM": {
        "qwen3": llama(60, 6, 2, head_dim=26, tie_word_embeddings=True),
        "qwen3, head 128, windows": llama(128, 4, 2, head_dim=128, attention_bias=True, use_sliding_window=True,
                                          sliding_window=20, max_window_layers=1),
    },
    "Phi3ForCausalLM": {
        "phi3": llama(64, 4, 2, partial_rotary_factor=0.75, max_position_embeddings=640,
                      original_max_position_embeddings=160, rope_scaling=longrope(6)),
        "phi3, head 96, window": llama(192, 2, 2, sliding_window=33),
    },
    "Gemma2ForCausalLM": {
        "gemma2": llama(60, 4, 2, layers=3, head_dim=28, sliding_window=13, query_pre_attn_scalar=20,
                        attn_logit_softcapping=2.0, final_logit_softcapping=4.0),
        "gemma2, head 256": llama(144, 2, 1, head_dim=256),
    },
    "Gemma3ForCausalLM": {
        "gemma3": llama(60, 4, 1, layers=4, head_dim=30, sliding_window=13, query_pre_attn_scalar=30,
                        rope_scaling={"rope_type": "linear", "factor": 8.0}, sliding_window_pattern=3),
        "gemma3, head 256": llama(128, 4, 1, layers=7, head_dim=256, sliding_window=40,
                                  attn_logit_softcapping=2.0),
    },
    "BertForSequenceClassification": {
        "bert": bert(60, 3, hidden_act="gelu_new", **THREE_LABELS),
        "bert, head 64, one label": bert(128, 2, id2label={"0": "A"}),
        **{f"bert, {name}": bert(60, 3, hidden_act=name, **THREE_LABELS) for name in OTHER_ACTIVATIONS},
    },
    "BertModel": {"bert, mean": bert(60, 3), "bert, head 32, mean": bert(384, 12)},
    "DistilBertForSequenceClassification": {"distilbert": distilbert(60, 3, **THREE_LABELS)},
    "DistilBertModel": {"distilbert, mean": distilbert(128, 2)},
    "RobertaForSequenceClassification": {"roberta": roberta(60, 3, **THREE_LABELS)},
    "RobertaModel": {"roberta, mean": roberta(128, 2)},
    "XLMRobertaForSequenceClassification": {"xlm-roberta": roberta(60, 3, **THREE_LABELS)},
    "XLMRobertaModel": {"xlm-roberta, mean": roberta(128, 2)},
    "ElectraForSequenceClassification": {
        "electra": bert(60, 3, embedding_size=34, **THREE_LABELS),
        "electra, as wide as its embeddings": bert(128, 2, embedding_size=128),
    },
    "ElectraModel": {"electra, mean": bert(60, 3, embedding_size=34)},
    "AlbertForSequenceClassification": {
        "albert": bert(60, 3, layers=6, embedding_size=34, num_hidden_groups=3, inner_group_num=1, **THREE_LABELS),
        "albert, head 64": bert(128, 2, layers=3, embedding_size=34, inner_group_num=1),
        "albert, groups of layers": bert(60, 3, layers=5, embedding_size=34, num_hidden_groups=2, inner_group_num=2,
                                         **THREE_LABELS),
    },
    "AlbertModel": {"albert, mean": bert(60, 3, layers=3, embedding_size=34, inner_group_num=1)},
    "ModernBertForSequenceClassification": {
        "modernbert": modernbert(60, 3, local_attention=22, global_attn_every_n_layers=2, **THREE_LABELS),
        "modernbert, head 64, mean, biases": modernbert(128, 2, classifier_pooling="mean", norm_bias=True, mlp_bias=True,
                                                        attention_bias=True, classifier_bias=True),
    },
    "ModernBertModel": {"modernbert, mean": modernbert(60, 3, layers=7, local_attention=30)},
}

MODEL_TYPES = {"GPT2LMHeadModel": "gpt2", "GPTNeoForCausalLM": "gpt_neo", "GPTNeoXForCausalLM": "gpt_neox",
               "OPTForCausalLM": "opt", "LlamaForCausalLM": "llama", "MistralForCausalLM": "mistral",
               "Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3", "Phi3ForCausalLM": "phi3",
               "Gemma2ForCausalLM": "gemma2", "Gemma3ForCausalLM": "gemma3_text"}
for family, model_type in {"Bert": "bert", "DistilBert": "distilbert", "Roberta": "roberta",
                           "XLMRoberta": "xlm-roberta", "Electra": "electra", "Albert": "albert",
                           "ModernBert": "modernbert"}.items():
    MODEL_TYPES[family + "ForSequenceClassification"] = MODEL_TYPES[family + "Model"] = model_type


def full_config(architecture, config):
    """As config.json has it."""
    return {"architectures": [architecture], "model_type": MODEL_TYPES[architecture], **COMMON, **config}


def make_model(config):
    """transformers' model of a config.json, of whatever weights, in fp32 with eager attention."""
    import transformers

    values = {name: value for name, value in config.items() if name != "model_type"}
    loaded = transformers.AutoConfig.for_model(config["model_type"], **values, attn_implementation="eager")
    loaded._attn_implementation = "eager"
    return getattr(transformers, config["architectures"][0])(loaded).float().eval()


def is_norm(name):
    return name.endswith("weight") and any(part in name for part in ("norm", "ln_", "LayerNorm"))


def norm_offset(config):
    """What a norm's weights lie around: Gemma adds 1 itself."""
    return 0.0 if config["model_type"].startswith("gemma") else 1.0
