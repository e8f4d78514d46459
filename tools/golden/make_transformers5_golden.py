#!/usr/bin/env python3
"""Writes model folders whose tokenizers transformers 5 has saved, and what its AutoTokenizer makes of them.

Run from the root of the tree, after make_tokenizer_golden.py, whose folders it reads, in an environment of its own,
since the other makers take an older transformers:

    pip install transformers==5.24.0 tokenizers==0.23.3
    python3 tools/golden/make_transformers5_golden.py

tests/testdata/tokenizer/folders/{bpe,bert,roberta}_saved5*: what save_pretrained writes, with config.json,
expected.json, spans.json and split.json as the other makers write them.
"""

import json
import os
import shutil

import transformers
from tokenizers import AddedToken
from transformers import BertTokenizer, GPT2Tokenizer, PreTrainedTokenizerFast, RobertaTokenizer

import make_span_golden
import make_split_golden
from make_tokenizer_golden import FOLDER_TEXTS, OUT, ROBERTA_TEXTS, write_expected

FOLDERS = os.path.join(OUT, "folders")


def save(name, tokenizer, model_type, note, texts=FOLDER_TEXTS):
    folder = os.path.join(FOLDERS, name)
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer.save_pretrained(folder)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as out:
        json.dump({"model_type": model_type}, out)
    write_expected(folder, note, texts)
    make_span_golden.write_folder(folder)
    make_split_golden.write_folder(folder)


def main():
    assert transformers.__version__.startswith("5."), transformers.__version__
    bpe = os.path.join(FOLDERS, "bpe_files")
    save("bpe_saved5", GPT2Tokenizer.from_pretrained(bpe), "gpt2", "a post-processor that adds nothing")
    added = GPT2Tokenizer.from_pretrained(bpe, add_prefix_space=True, model_max_length=64, pad_token="<pad>")
    added.add_tokens([AddedToken("newword", normalized=True), AddedToken("the</s>", normalized=False)])
    added.add_special_tokens({"additional_special_tokens": ["<|x|>"]})
    save("bpe_saved5_added", added, "gpt2", "with tokens added, and a prefix space")

    bert = os.path.join(FOLDERS, "bert_vocab")
    save("bert_saved5", BertTokenizer.from_pretrained(bert), "bert", "as it is")
    cased = BertTokenizer.from_pretrained(bert, do_lower_case=False, tokenize_chinese_chars=False)
    cased.add_tokens([AddedToken("NewWord", normalized=True), AddedToken("<pad>", normalized=False)])
    cased.add_special_tokens({"additional_special_tokens": ["<|x|>"]})
    save("bert_saved5_added", cased, "bert", "cased, with tokens added")
    roberta = os.path.join(FOLDERS, "roberta_files")
    save("roberta_saved5", RobertaTokenizer.from_pretrained(roberta), "roberta", "as it is", ROBERTA_TEXTS)
    spaced = RobertaTokenizer.from_pretrained(roberta, add_prefix_space=True, model_max_length=64)
    spaced.add_tokens([AddedToken("newword", normalized=True)])
    save("roberta_saved5_added", spaced, "roberta", "with tokens added, and a prefix space", ROBERTA_TEXTS)
    file = os.path.join(FOLDERS, "bert_json_cased", "tokenizer.json")
    generic = PreTrainedTokenizerFast(tokenizer_file=file, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")
    save("bert_saved5_generic", generic, "bert", "cased, and of no class of its own")


if __name__ == "__main__":
    main()
