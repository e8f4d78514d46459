#!/usr/bin/env python3
"""Writes tests/testdata/tokenizer/pipelines.json: what Hugging Face's tokenizers make of some texts with every kind of
normalizer, pre-tokenizer, model, post-processor, decoder and added token that tokenizer.json knows.

Run from the root of the tree, with the packages of tools/golden/requirements.txt and sentencepiece==0.2.1, after
make_tokenizer_golden.py, whose strings it reads:

    python3 tools/golden/make_pipeline_golden.py

{"texts": [...], "models": {name: model}, "pipelines": [{"name", "tokenizer": a tokenizer.json with the name of its
model, "cases": [...]}, ...]}. A case of text i: "ids" with the frame; unless the model is "words of bytes", "tokens"
[[id, begin, end], ...] without, in characters, and "decoded", those ids in words; with a post-processor "types", and
"pair" [ids, types] with the text after it.
"""

import base64
import io
import json
import os
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer

from make_span_golden import read_strings
from tokenizer_parts import (LLAMA3, bytes_model, byte_level, ctc, metaspace, replace, sequence, split, template, token)

OUT = "tests/testdata/tokenizer/pipelines.json"
STEP = 1000  # Of the strings taken.
TEXTS = [
    "", " ", "a", "Hello world", "  Hello  the world's\n ", "the-final--countdown", "a1b22 333,4.5", "x\u00b2\u00b3\u00bd\u0663",
    "\u0130stanbul \u00df\u017f\u01c5 \u00c9LAN E\u0301", "\ufb01le \u00bd \uff21\uff22 \u2460 \u3392 \u212b", "\uac00\u1100\u1161 \ud55c\uae00",
    "\u4e1c\u4eac\u3000\u30c6\u30b9\u30c8", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e9\u05b8\u05c1",
    "\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f 1\ufe0f\u20e3", "a\u0323\u0301\u0345 q\u0307\u0323 \u0344\u0958",
    "<s>the</s> <mask> x <MASK>", "[A] [B][A]\t[B] word wordy a-word", "\x00\x01\x7f\x8f\u200b\ufeff\ufffd|",
    "line\r\nbreak\n\n\nend \t ", "I'll WE'RE it\u2019s 'S", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "``quoted'' \u2581under\u2581 \u2581", "http://a.b/c?d=1&e=%20#f", "naive caf\u00e9 cafe\u0301 \u1e9b\u0323",
    "\u3069\u3053\u3067\u751f\u308c\u3002Yes \u308a\u3093\u3054 \u6797\u6a8e\u30fc\u30a2 \u00abx\u00bb", "\U0001f600\U0001fae8 \U00010d50\U00031350 \u0e01\u0e33\u0e2a",
    "<pad>hheel<pad>lll  woor<pad>rld<pad><pad> .  don't", "|| do not<pad> 's |x| <s> <s>x",
]


def trained(model, trainer, texts, pre_tokenizer=None, normalizer=None):
    tokenizer = Tokenizer(model)
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())["model"]


def make_models(texts):
    from tokenizers import models, normalizers, pre_tokenizers, trainers
    bpe = dict(vocab_size=400, show_progress=False, special_tokens=["<unk>"])
    space = normalizers.Replace(" ", "\u2581")
    fallback = [f"<0x{b:02X}>" for b in range(256)]
    plain = trained(models.BPE(unk_token="<unk>"), trainers.BpeTrainer(**bpe), texts[:20], pre_tokenizers.Whitespace())
    fused = dict(plain, fuse_unk=True)
    metaspace = trained(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
                        trainers.BpeTrainer(**{**bpe, "vocab_size": 600, "special_tokens": ["<unk>", *fallback]}),
                        texts[:12], normalizer=space)
    suffixed = trained(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
                       trainers.BpeTrainer(**bpe, end_of_word_suffix="</w>"), texts[:20], pre_tokenizers.Whitespace())
    prefixed = trained(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"),
                       trainers.BpeTrainer(**bpe, continuing_subword_prefix="##"), texts[:20],
                       pre_tokenizers.Whitespace())
    byte_level = trained(models.BPE(), trainers.BpeTrainer(
        vocab_size=400, show_progress=False, special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()), texts, pre_tokenizers.ByteLevel(add_prefix_space=False))
    pieces = trained(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(
        vocab_size=300, show_progress=False, special_tokens=["[UNK]", "[CLS]", "[SEP]"]), texts[:20],
        pre_tokenizers.BertPreTokenizer())
    unigram = trained(models.Unigram(), trainers.UnigramTrainer(
        vocab_size=300, show_progress=False, unk_token="<unk>", special_tokens=["<unk>", "<s>", "</s>"]), texts[:16],
        pre_tokenizers.Metaspace())
    unigram_bytes = dict(unigram, byte_fallback=True, vocab=unigram["vocab"] + [[piece, -20.0] for piece in fallback])
    twice = dict(plain, merges=plain["merges"] + plain["merges"][:9])
    heard = {"type": "WordLevel", "unk_token": "<unk>", "vocab": {w: i for i, w in enumerate(
        ["<unk>", "<pad>", "|", " ", *"helowrdnstx'.,", " .", "n't", "x<pad>", "\u2581", "##e"])}}
    words = {"type": "WordLevel", "unk_token": "<unk>",
             "vocab": {w: i for i, w in enumerate(["<unk>", "Hello", "world", "a", "the", ",", ".", "-", "1", "end", "1b22"])}}
    return {"bytes": bytes_model(), "words of bytes": bytes_model(end_of_word_suffix="|"), "bpe": plain,
            "bpe fused": fused, "bpe metaspace": metaspace, "bpe suffix": suffixed, "bpe prefix": prefixed,
            "bpe bytes": byte_level, "bpe ignore": dict(byte_level, ignore_merges=True), "pieces": pieces,
            "short pieces": dict(pieces, max_input_chars_per_word=4), "unigram": unigram,
            "unigram bytes": unigram_bytes, "words": words, "bpe twice": twice, "heard": heard}


def charsmap():
    """A map of a few strings, of which some are prefixes of others."""
    rules = [("41", "61"), ("41 0301", "E1"), ("FB01", "66 69"), ("BD", "31 2044 32"), ("3000", "20"), ("65 0301", "E9"),
             ("200B", ""), ("212B", "C5"), ("D 20", "A"), ("1F469", "77 6F 6D 61 6E")]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rules.tsv")
        with open(path, "w", encoding="utf-8") as out:
            out.writelines(f"{source}\t{target}\n" for source, target in rules)
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c"] * 10), model_writer=model, vocab_size=8, hard_vocab_limit=False,
            normalization_rule_tsv=path, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def normalizers():
    bert = dict(type="BertNormalizer", clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
    simple = [{"type": t} for t in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")]
    strips = [{"type": "Strip", "strip_left": left, "strip_right": right}
              for left, right in ((True, True), (True, False), (False, True))]
    return simple + strips + [
        bert, {"type": "Prepend", "prepend": "\u2581x"}, replace({"String": " "}, "\u2581"), replace({"Regex": " {2,}"}, " "),
        dict(bert, type="Bert", lowercase=False), replace({"String": ""}, "-"),
        replace({"Regex": "(?<=[a-z])(?=[A-Z0-9])"}, "_"), replace({"Regex": r"\p{M}+"}, ""),
        {"type": "Precompiled", "precompiled_charsmap": charsmap()},
        sequence("normalizers", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"},
                 {"type": "Strip", "strip_left": True, "strip_right": True}, replace({"String": " "}, "\u2581"))]


def pre_tokenizers():
    behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    pretoks = [split({"Regex": r"\s+|-"}, b, invert) for b in behaviors for invert in (False, True)]
    pretoks += [split({"String": text}, b) for text in ("-", "") for b in behaviors]
    pretoks += [{"type": "Punctuation", "behavior": b} for b in behaviors]
    pretoks += [{"type": t} for t in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts")]
    pretoks += [{"type": "Digits", "individual_digits": flag} for flag in (False, True)]
    pretoks += [metaspace(scheme, splits) for scheme in ("always", "first", "never") for splits in (False, True)]
    pretoks += [byte_level(prefix, regex) for prefix in (False, True) for regex in (False, True)]
    return pretoks + [
        {"type": "CharDelimiterSplit", "delimiter": "-"}, {"type": "FixedLength", "length": 3}, split({"Regex": LLAMA3}),
        split({"Regex": r"(?=[A-Z])"}, "MergedWithPrevious"), split({"Regex": r"\p{Han}|[^\S\r\n]"}, "MergedWithNext"),
        sequence("pretokenizers", {"type": "Punctuation", "behavior": "Contiguous"}, byte_level(),
                 {"type": "Digits", "individual_digits": False}, split({"Regex": "[0-9][0-9][0-9]"})),
        sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace()),
        sequence("pretokenizers", {"type": "UnicodeScripts"}, {"type": "WhitespaceSplit"}, metaspace("first")),
        split({"Regex": r"\b"}), split({"Regex": r"[[:alpha:]]+|[^[:alnum:]\s]|\d"}), split({"Regex": r"(?i)\p{Lu}+|[[:lower:]]"}),
        sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, byte_level())]


def pipelines():
    for normalizer in normalizers():
        yield dict(name="normalizer " + json.dumps(normalizer)[:60], normalizer=normalizer, model="bytes")
    for pre_tokenizer in pre_tokenizers():
        name = "pre_tokenizer " + json.dumps(pre_tokenizer)
        yield dict(name=name[:120], pre_tokenizer=pre_tokenizer, model="words of bytes")
        if pre_tokenizer["type"] in ("ByteLevel", "Metaspace", "Sequence"):
            yield dict(name="spans of " + name[:120], pre_tokenizer=pre_tokenizer, model="bytes")
    stripped = sequence("normalizers", {"type": "Strip", "strip_left": True, "strip_right": False})
    yield dict(name="the first word after a normalizer", normalizer=stripped, pre_tokenizer=metaspace("first"),
               model="words of bytes")

    spaces = replace({"String": " "}, "\u2581")
    llama = sequence("decoders", replace({"String": "\u2581"}, " "), {"type": "ByteFallback"}, {"type": "Fuse"},
                     {"type": "Strip", "content": " ", "start": 1, "stop": 0})
    llama_normalizer = sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, spaces)
    white = {"type": "Whitespace"}
    word_piece = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    yield dict(name="bpe", pre_tokenizer=white, model="bpe")
    yield dict(name="bpe fused", pre_tokenizer=white, model="bpe fused")
    yield dict(name="bpe suffix", pre_tokenizer=white, model="bpe suffix", decoder={"type": "BPEDecoder", "suffix": "</w>"})
    yield dict(name="bpe prefix", pre_tokenizer=white, model="bpe prefix", decoder=word_piece)
    yield dict(name="bpe ignore", pre_tokenizer=byte_level(), model="bpe ignore", decoder=byte_level())
    yield dict(name="llama", normalizer=llama_normalizer, model="bpe metaspace", decoder=llama)
    yield dict(name="llama not legacy", pre_tokenizer=metaspace("first", False), model="bpe metaspace", decoder=llama)
    yield dict(name="gemma", normalizer=spaces, pre_tokenizer=split({"String": " "}, "MergedWithPrevious"),
               model="bpe metaspace", decoder=sequence("decoders", *llama["decoders"][:3]))
    yield dict(name="pieces", normalizer={"type": "Lowercase"}, pre_tokenizer={"type": "BertPreTokenizer"},
               model="pieces", decoder=word_piece)
    yield dict(name="short pieces", pre_tokenizer={"type": "WhitespaceSplit"}, model="short pieces",
               decoder=dict(word_piece, cleanup=False))
    yield dict(name="unigram", pre_tokenizer=metaspace(), model="unigram", decoder=metaspace())
    yield dict(name="unigram bytes", pre_tokenizer=metaspace("never", False), model="unigram bytes",
               decoder=sequence("decoders", {"type": "ByteFallback"}, metaspace("never")))
    yield dict(name="words", pre_tokenizer=white, model="words")
    yield dict(name="bpe with the same merges", pre_tokenizer=white, model="bpe twice", decoder={"type": "BPEDecoder", "suffix": ""})
    bpe_decoder = {"type": "BPEDecoder", "suffix": "e"}
    for decoder in (bpe_decoder, sequence("decoders", bpe_decoder, replace({"String": "a"}, "o"), {"type": "Fuse"})):
        yield dict(name="words end within tokens", pre_tokenizer=white, model="bpe", decoder=decoder)

    pads = [token(1, "<pad>"), token(23, "<s>", special=True)]
    for decoder in (ctc(), ctc(cleanup=False), ctc("", ""), sequence("decoders", replace({"String": "o"}, "e"), ctc()),
                    sequence("decoders", ctc(), metaspace()), sequence("decoders", ctc(delimiter="\u2581"), word_piece),
                    sequence("decoders", ctc(), {"type": "BPEDecoder", "suffix": "o"}),
                    sequence("decoders", ctc(), {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})):
        yield dict(name="ctc " + json.dumps(decoder)[:100], normalizer=replace({"String": " "}, "|"),
                   pre_tokenizer=split({"String": ""}), added_tokens=pads, model="heard", decoder=decoder)

    roberta = {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0], "trim_offsets": True,
               "add_prefix_space": False}
    ids = {"<s>": [0], "</s>": [1, 1]}
    for name, processor in [
            ("roberta", roberta), ("bert", {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}),
            ("trimmed", byte_level(True)), ("template", template("<s> A </s>", "<s>:2 A:3 </s>:1 B:1 </s>:4", ids)),
            ("begin", template("<s> A", "<s> A <s>:1 B:1", ids)), ("swapped", template("A </s>:7", "B:1 </s> A", ids)),
            ("sequence", sequence("processors", byte_level(), template("<s> A", "<s> A B:1", ids))), *joined(roberta, ids)]:
        yield dict(name="post_processor " + name, pre_tokenizer=byte_level(), model="bpe bytes", post_processor=processor,
                   decoder=byte_level())

    flags = [token(257, "[A]", lstrip=True), token(258, "[B]", rstrip=True, special=True),
             token(259, "word", single_word=True), token(260, "<mask>", lstrip=True, rstrip=True, normalized=True),
             token(261, "the", normalized=True), token(262, "\u00c9lan", normalized=True)]
    for name, normalizer in [("none", None), ("lower", {"type": "Lowercase"}), ("spaces", llama_normalizer)]:
        yield dict(name="added tokens, normalizer " + name, normalizer=normalizer, added_tokens=flags, model="bytes",
                   decoder=sequence("decoders", {"type": "ByteFallback"}))


def joined(roberta, ids):
    """Post-processors of several that frame texts, and that have a text twice."""
    bert = {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}
    plain, two = template("A:3", "B:1 A:2", ids), template("<s>:5 A:6", "A B:4", ids)
    last = template("A:2 </s>", "A:1 </s>:3 B:2 A:4", ids)
    texts_twice = template("A <s> A:1", "A B:1 A:2 B", ids)
    for members in [(bert, bert), (roberta, bert), (bert, roberta), (roberta, roberta), (byte_level(True), roberta),
                    (plain, bert), (plain, plain, roberta), (two, last), (two, roberta, last), (last, bert), (last, roberta),
                    (bert, plain, last), (roberta, two, two), (texts_twice, roberta), (texts_twice,)]:
        name = " ".join(member["type"][:4] for member in members) + " twice" * (texts_twice in members)
        yield "of several " + name, sequence("processors", sequence("processors", *members[:1]), *members[1:])


def cases(tokenizer, name, model, texts):
    for i, text in enumerate(texts):
        framed, bare = tokenizer.encode(text), tokenizer.encode(text, add_special_tokens=False)
        case = {"ids": framed.ids}
        if model != "words of bytes" and not name.endswith("twice"):  # Here, spans are of the text itself.
            case["tokens"] = [[i, *span] for i, span in zip(bare.ids, bare.offsets)]
            case["decoded"] = tokenizer.decode(bare.ids, skip_special_tokens=False)
        if tokenizer.post_processor is not None:
            pair = tokenizer.encode(text, texts[(i + 1) % len(texts)])
            case.update(types=framed.type_ids, pair=[pair.ids, pair.type_ids])
        yield case


def main():
    texts = TEXTS + [s for s in read_strings()[::STEP] if len(s) < 60]
    models = make_models(texts)
    out = []
    for parts in pipelines():
        name, model = parts.pop("name"), parts.pop("model")
        whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
                 "pre_tokenizer": None, "post_processor": None, "decoder": None, **parts}
        tokenizer = Tokenizer.from_str(json.dumps({**whole, "model": models[model]}))
        out.append({"name": name, "tokenizer": {**whole, "model": model}, "cases": list(cases(tokenizer, name, model, texts))})
    with open(OUT, "w", encoding="utf-8") as file:
        file.write('{"texts": ' + json.dumps(texts) + ',\n"models": ' + json.dumps(models) + ',\n"pipelines": [\n')
        file.write(",\n".join(json.dumps(pipeline, separators=(",", ":")) for pipeline in out))
        file.write("\n]}\n")
    print(f"{len(out)} pipelines, {len(texts)} texts, {os.path.getsize(OUT)} bytes")


if __name__ == "__main__":
    main()
