"""The names of arguments that transformers' pipelines have, and what becomes of those that are not here.

Some change no result and are taken; the others are refused with what to do instead, but for the values that ask for
nothing. tests/python/pipelines.json has the names of transformers 4.57.
"""
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from chorus import _protos

# What transformers computes by these is the same without them.
_NO_EFFECT = frozenset((
    "batch_size", "num_workers", "padding", "pad_to_multiple_of", "padding_side", "pad_token_id", "use_cache", "verbose"))
_NO_EFFECT_ON_TEXTS = _NO_EFFECT | frozenset((
    "compile_config", "disable_compile", "low_memory", "prefill_chunk_size", "renormalize_logits", "return_legacy_cache",
    "synced_gpus", "tokenizer", "transformers_version"))

Refusals = Mapping[str, tuple[Any, ...]]  # Of a name: what to do instead, and the values that ask for nothing.

_ASSISTANT = "there is no assisted generation here, which changes the time and not the text; leave it out"
_BEAMS = "there is no beam search here; leave it out, and num_return_sequences samples several texts"
_CACHE = "a runner has a key/value cache of its own; leave it out"
_CHAT = "there are no chat templates here: make a text of the messages by tokenizer.apply_chat_template(…, tokenize=False)"
_CONFIGURED = "it is as the model's files have it"
_CUT = "a prompt is not cut; one that is too long is refused"
_ENDS = "stop_strings ends a text"
_ENCODER = "a generator has no encoder here; leave it out"
_LOGITS = "temperature, top_k, top_p, min_p, penalties and logit_bias={token: …} are what changes the choice of tokens here"
_MADE_OF_TEXT = "what the model reads is made of the text; leave it out"
_SCORES = "generate of a chorus.Client has logprobs, a number of tokens"
_VALUES = "give its values as arguments of run"

GENERATION: Refusals = {
    # Of transformers.TextGenerationPipeline.
    "add_special_tokens": ("a prompt has the special tokens that its tokenizer adds", True),
    "clean_up_tokenization_spaces": ("a text has the spaces of its tokens, also those that transformers takes away", False),
    "continue_final_message": (_CHAT, False),
    "generate_kwargs": (_VALUES, {}),
    "handle_long_generation": (_CUT,),
    "prefix": ("write it before the text; return_full_text=False leaves what was given away", ""),
    "return_tensors": ("tokenize of a chorus.Client gives the ids of a text's tokens", False),
    "return_text": ("a text is what there is; leave it out", True),
    "return_type": ("return_full_text says whether what was given comes, too",),
    "skip_special_tokens": ("special tokens have no text here", True),
    "stop_sequence": (_ENDS,),
    "tokenizer_encode_kwargs": ("split_special_tokens is here, and " + _CUT, {}),
    "truncation": (_CUT, False, "do_not_truncate"),
    # Of transformers.GenerationConfig.
    "assistant_confidence_threshold": (_ASSISTANT, 0.4),
    "assistant_early_exit": (_ASSISTANT,),
    "assistant_lookbehind": (_ASSISTANT, 10),
    "bad_words_ids": (_LOGITS,),
    "begin_suppress_tokens": (_LOGITS,),
    "bos_token_id": (_CONFIGURED,),
    "cache_config": (_CACHE,),
    "cache_implementation": (_CACHE,),
    "constraints": (_BEAMS,),
    "decoder_start_token_id": (_ENCODER,),
    "diversity_penalty": (_BEAMS, 0.0),
    "dola_layers": (_LOGITS,),
    "early_stopping": (_BEAMS, False),
    "encoder_no_repeat_ngram_size": (_ENCODER, 0),
    "encoder_repetition_penalty": (_ENCODER, 1.0),
    "eos_token_id": (_CONFIGURED + ", and " + _ENDS,),
    "epsilon_cutoff": ("min_p and top_p are here", 0.0),
    "eta_cutoff": ("min_p and top_p are here", 0.0),
    "exponential_decay_length_penalty": (_LOGITS,),
    "force_words_ids": (_BEAMS,),
    "forced_bos_token_id": (_LOGITS,),
    "forced_eos_token_id": (_LOGITS,),
    "guidance_scale": (_LOGITS, 1.0),
    "is_assistant": (_ASSISTANT, False),
    "length_penalty": (_BEAMS, 1.0),
    "max_matching_ngram_size": (_ASSISTANT,),
    "max_time": ("timeout is a call's, which then fails; max_new_tokens ends a text",),
    "min_length": ("min_new_tokens is here, which does not count the prompt", 0),
    "no_repeat_ngram_size": ("repetition_penalty and frequency_penalty are here", 0),
    "num_assistant_tokens": (_ASSISTANT, 20),
    "num_assistant_tokens_schedule": (_ASSISTANT, "constant"),
    "num_beam_groups": (_BEAMS, 1),
    "num_beams": (_BEAMS, 1),
    "output_attentions": ("a runner gives texts alone", False),
    "output_hidden_states": ("a runner gives texts alone", False),
    "output_logits": (_SCORES, False),
    "output_scores": (_SCORES, False),
    "penalty_alpha": (_LOGITS, 0.0),
    "prompt_lookup_num_tokens": (_ASSISTANT,),
    "remove_invalid_values": ("numbers that are not finite are an error", False),
    "return_dict_in_generate": ("a runner gives texts alone", False),
    "sequence_bias": (_LOGITS,),
    "suppress_tokens": (_LOGITS,),
    "target_lookbehind": (_ASSISTANT, 10),
    "token_healing": ("a prompt's tokens stay; let it end with a word", False),
    "typical_p": ("top_p and min_p are here", 1.0),
    "watermarking_config": (_LOGITS,),
    # Of a model's generate().
    **dict.fromkeys(("assistant_model", "assistant_tokenizer"), (_ASSISTANT,)),
    **dict.fromkeys(("attention_mask", "cache_position", "input_ids", "inputs_embeds", "labels", "past_key_values",
                     "position_ids", "token_type_ids"), (_MADE_OF_TEXT,)),
    "custom_generate": ("a runner runs no code of yours; leave it out",),
    "generation_config": (_VALUES,),
    "logits_processor": (_LOGITS,),
    "negative_prompt_attention_mask": (_LOGITS,),
    "negative_prompt_ids": (_LOGITS,),
    "prefix_allowed_tokens_fn": (_LOGITS,),
    "stopping_criteria": (_ENDS,),
    "streamer": ("stream_generate of a chorus.Client gives a text as it comes",),
    "use_model_defaults": ("what is left out is the model's own value", True),
}

# Of a call of a tokenizer.
_OF_TOKENIZER: Refusals = {
    "add_special_tokens": ("a text has the special tokens that its tokenizer adds", True),
    "is_split_into_words": ("a text is whole: join its words", False),
    "return_attention_mask": (_MADE_OF_TEXT, True),
    "return_length": ("tokenize of a chorus.Client counts a text's tokens", False),
    "return_offsets_mapping": ("tokenize of a chorus.Client has where tokens begin and end", False),
    "return_overflowing_tokens": ("a text that is too long counts as far as its beginning goes", False),
    "return_special_tokens_mask": (_MADE_OF_TEXT, False),
    "return_token_type_ids": (_MADE_OF_TEXT, True),
    "stride": ("a text that is too long counts as far as its beginning goes", 0),
    "text": ("the text is the first argument",),
    "text_pair_target": (_ENCODER,),
    "text_target": (_ENCODER,),
}

CLASSIFICATION: Refusals = {
    **_OF_TOKENIZER,
    "return_all_scores": ("top_k=None returns every label", False),
    "return_tensors": ("results are numbers of Python", False),
    "tokenizer_kwargs": (_VALUES, {}),
}

EMBEDDING: Refusals = {
    **_OF_TOKENIZER,
    "return_tensors": ("results are lists of numbers: numpy.array makes an array of them", False),
    "text_pair": ("an embedder reads one text",),
    "tokenize_kwargs": (_VALUES, {}),
}


def take(arguments: Mapping[str, Any], known: Collection[str], refusals: Refusals) -> dict[str, Any]:
    """Those of `known`. TypeError for a name that there is not, or a value that asks for what is not here."""
    no_effect = _NO_EFFECT_ON_TEXTS if refusals is GENERATION else _NO_EFFECT
    taken = {}
    for name, value in arguments.items():
        if name in known:
            taken[name] = value
        elif name in refusals:
            advice, *nothing = refusals[name]
            if value is not None and not any(_is_same(value, neutral) for neutral in nothing):
                raise TypeError(f"run() does not have transformers' argument '{name}': {advice}")
        elif name not in no_effect:
            raise _protos.unknown_name("run", name, [*known, *refusals])
    return taken


def _is_same(value: Any, neutral: Any) -> bool:
    return isinstance(value, (bool, int, float, str, dict)) and bool(value == neutral)
