#!/usr/bin/env python3
"""Writes tests/testdata/tokenizer/: what Hugging Face's tokenizers make of some 23,000 strings and of every character.

Run from the root of the tree, with the packages of tools/golden/requirements.txt, and the folder of the public data
(gpt2/ with vocab.json and merges.txt, corpus/english_prose.txt.xz, sst2/*.tsv):

    python3 tools/golden/make_tokenizer_golden.py --data DATA

Files (varint: 7 bits a byte, the low ones first, the top bit says that more follow):
  gpt2/                 GPT-2's vocabulary; BERT's and the small BPE are those of models/demo
  strings.bin           varint count; each string: varint number of bytes, UTF-8
  gpt2.ids, bert.ids    varint count; each string of strings.bin in order: varint number of ids, varint ids
  demo_gpt2.ids         the same for the first of the strings only
  roberta_strings.bin   as strings.bin: strings that spell RoBERTa's special tokens
  roberta.ids           varint count; each: varint index into roberta_strings.bin followed by strings.bin, varint number
                        of ids, varint ids: of the strings that RoBERTa's tokenizer gives other ids than GPT-2's, each
                        ROBERTA_FIRST greater, between <s> and </s>. Its vocabulary is GPT-2's; see roberta_files.
  gpt2_decoded.bin      varint count; each: varint number of ids, varint ids, varint number of bytes, the text they
                        decode to without special tokens
  sweep.bin             8 bytes of each SWEEPS entry (this order) for each of BLOCKS: FNV-1a, 64 bits little-endian, of
                        the text or the ids (4 bytes each, little-endian) that come of the block's characters
  folders/              small model folders of many makes, each with expected.json: what AutoTokenizer makes of them
"""

import argparse
import json
import lzma
import os
import random
import shutil
import struct
import tempfile
import unicodedata

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import decoders
from transformers import AutoTokenizer, BertTokenizerFast, GPT2TokenizerFast, RobertaTokenizerFast

OUT = "tests/testdata/tokenizer"
NUM_DEMO_STRINGS = 5000
ROBERTA_FIRST = 4  # The id of GPT-2's first token in RoBERTa's vocabulary.

# Blocks of 256 characters: planes 0 to 3 and 14, and the beginnings and ends of the others.
BLOCKS = [b for b in range(0x1100) if b < 0x400 or 0xE00 <= b < 0xE10 or b % 0x100 in (0, 0xFF)]


def normalizer_sweep(**options):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    normalizer = normalizers.BertNormalizer(**{**off, **options})
    # Marks of classes 230 (stripped), 9 (kept), 240 (stripped) and 224 (kept) show where a mark goes, and whether.
    around = "a{0}\u0301\u1b44{0}\u0345\u302e{0}\u1b44A{0}\n"
    return lambda block: normalizer.normalize_str("".join(around.format(c) for c in block)).encode()


def ids_sweep(tokenizer, around):
    def sweep(block):
        ids = tokenizer("".join(around.format(c) for c in block))["input_ids"]
        return b"".join(struct.pack("<I", i) for i in ids)
    return sweep


def sweeps(gpt2, bert):
    return [
        normalizer_sweep(clean_text=True),
        normalizer_sweep(handle_chinese_chars=True),
        normalizer_sweep(strip_accents=True),
        normalizer_sweep(lowercase=True),
        normalizer_sweep(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True),
        ids_sweep(bert, "a{0}a\n"),
        ids_sweep(gpt2, "a{0}1{0} {0}.{0}\n"),
    ]


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def with_size(data):
    return varint(len(data)) + data


def id_list(ids):
    return varint(len(ids)) + b"".join(map(varint, ids))


def write(name, data):
    with open(os.path.join(OUT, name), "wb") as out:
        out.write(data)
    print(f"{name}: {len(data)} bytes")


# The strings.

SPACES = [chr(c) for c in (9, 10, 11, 12, 13, 0x1C, 0x1F, 32, 0x85, 0xA0, 0x1680, 0x180E, 0x2000, 0x2003, 0x2009,
                           0x200A, 0x200B, 0x200D, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)]
BLOCK_RANGES = [
    (0x80, 0x250), (0x250, 0x300), (0x370, 0x400), (0x400, 0x530), (0x530, 0x590), (0x590, 0x600), (0x600, 0x700),
    (0x700, 0x800), (0x900, 0xA00), (0xA00, 0xC00), (0xC00, 0xE00), (0xE00, 0xF00), (0xF00, 0x1000), (0x1000, 0x10A0),
    (0x10A0, 0x1100), (0x1100, 0x1200), (0x1200, 0x1380), (0x13A0, 0x1400), (0x1780, 0x1800), (0x1800, 0x18B0),
    (0x1C80, 0x1CC0), (0x1E00, 0x2000), (0x2000, 0x2070), (0x2070, 0x2190), (0x2190, 0x2C00), (0x2C00, 0x2E80),
    (0x3000, 0x3040), (0x3040, 0x3100), (0x3100, 0x3400), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xA000, 0xA4D0),
    (0xA640, 0xA830), (0xA880, 0xAB00), (0xAB30, 0xAC00), (0xAC00, 0xD7B0), (0xD7B0, 0xD800), (0xE000, 0xF900),
    (0xF900, 0xFB00), (0xFB00, 0xFE00), (0xFE00, 0xFE70), (0xFF00, 0x10000), (0x10000, 0x10800), (0x10800, 0x11000),
    (0x11000, 0x12000), (0x12000, 0x13480), (0x16100, 0x17000), (0x18CF0, 0x19000), (0x1B000, 0x1BD00),
    (0x1CC00, 0x1D200), (0x1D400, 0x1D800), (0x1E000, 0x1E950), (0x1EE00, 0x1F000), (0x1F000, 0x20000),
    (0x20000, 0x2A6E0), (0x2A6E0, 0x2FA20), (0x30000, 0x32400), (0xE0000, 0xE0200)]


class Strings:
    def __init__(self, data):
        self.random = random.Random(7)
        self.assigned = {}
        for c in range(0x110000):
            if not 0xD800 <= c <= 0xDFFF:
                self.assigned.setdefault(unicodedata.category(chr(c)), []).append(chr(c))
        with lzma.open(os.path.join(data, "corpus/english_prose.txt.xz"), "rt", encoding="utf-8") as file:
            self.prose = [line for line in file.read().split("\n") if line]
        self.reviews = []
        for part in ("train", "dev", "test"):
            with open(os.path.join(data, f"sst2/{part}.tsv"), encoding="utf-8") as file:
                self.reviews += [line.rstrip("\n") for line in file]

    def some(self, pool, low, high):
        return "".join(self.random.choice(pool) for _ in range(self.random.randint(low, high)))

    def words(self, low=1, high=6):
        words = self.random.choice(self.prose).split()
        begin = self.random.randrange(len(words))
        return " ".join(words[begin:begin + self.random.randint(low, high)])

    def prose_line(self):
        line = self.random.choice(self.prose)
        begin = self.random.choice([0, self.random.randrange(len(line))])
        return line[begin:begin + self.random.randint(20, 160)]

    def review(self):
        return self.random.choice(self.reviews)[:160]

    def category(self):
        return self.some(self.assigned[self.random.choice(sorted(self.assigned))], 1, 16)

    def mixed(self):
        categories = sorted(self.assigned)
        return "".join(self.random.choice(self.assigned[self.random.choice(categories)])
                       for _ in range(self.random.randint(1, 16)))

    def block(self):
        first, end = self.random.choice(BLOCK_RANGES)
        pool = [chr(self.random.randrange(first, end)) for _ in range(8)] + [" ", "a", "1", "."]
        return self.some(pool, 1, 20)

    def emoji(self):
        people, tones = "👩👨🧑👧👦👋👍🤝🏃", ["", "🏻", "🏼", "🏽", "🏾", "🏿"]
        things = "❤⚕⚖✈🔥💻🚀🌈🏳🏴☠🦰😀🙂🤷♀♂☺™"

        def one():
            kind = self.random.randrange(5)
            if kind == 0:
                return "\u200d".join(self.random.choice(people) + self.random.choice(tones)
                                     for _ in range(self.random.randint(1, 4)))
            if kind == 1:
                return self.random.choice(things) + self.random.choice(["", "\ufe0f", "\ufe0e"])
            if kind == 2:
                return "".join(chr(0x1F1E6 + self.random.randrange(26)) for _ in range(2))
            if kind == 3:
                return self.random.choice("0123456789#*") + "\ufe0f\u20e3"
            return "🏴" + "".join(chr(0xE0000 + ord(c)) for c in "gbeng") + "\U000e007f"

        return "".join(one() + self.random.choice(["", " ", self.words(1, 2)])
                       for _ in range(self.random.randint(1, 5)))

    def combining(self):
        marks = self.assigned["Mn"] + self.assigned["Mc"] + self.assigned["Me"]
        reordered = "\u1b44\u302e\u302f\u1bf2\ua953\U0001d165\U0001d16d\U00011442\u08d4\u1dfb\u0301\u0323\u0345\u0334"
        bases = "aeiouAEOİıßÉñçåø가각ㅏᄀᆨकกا東の12.-ÅΩſǆ"

        def one():
            pool = self.random.choice([marks, reordered, "\u0300\u0301\u0308\u0323\u0327\u030a"])
            return self.random.choice(bases) + self.some(pool, 0, 4)

        return "".join(one() + self.random.choice(["", "", " "]) for _ in range(self.random.randint(1, 8)))

    def spaces(self):
        return "".join(self.some(SPACES, 0, 4) + self.random.choice([self.words(1, 1), "'s", "1", "!", ""])
                       for _ in range(self.random.randint(1, 6))) + self.some(SPACES, 0, 3)

    def plain_spaces(self):
        return "".join(self.random.choice([" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", " \n "]) +
                       self.random.choice([self.words(1, 2), "12", "...", ""])
                       for _ in range(self.random.randint(1, 6))) + " " * self.random.randrange(3)

    def controls(self):
        pool = self.assigned["Cc"] + self.assigned["Cf"] + ["\ufffd", "\ufffe", "\U0010ffff", "a", "b", " "]
        return self.words(1, 2) + self.some(pool, 1, 8) + self.words(1, 1)

    def long_word(self):
        pool = self.random.choice(["abcdefghijklmnopqrstuvwxyz", "aé", "e\u0301", "A", "ж", "가", "ا", "0123456789",
                                   "xyzé\u0302", "İ", "=-", "ab\u200b"])
        word = self.some(pool, 1, 1) * self.random.randint(97, 103) if self.random.randrange(3) == 0 else \
            self.some(pool, 92, 108)
        return self.random.choice(["", "a "]) + word + self.random.choice(["", " b", ".", "," + word[:20]])

    def special(self):
        tokens = ["[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]", "[cls]", "[Sep]", "[CLS", "CLS]", "[ MASK ]", "[mask]",
                  "<|endoftext|>", "<|ENDOFTEXT|>", "<|endoftext", "endoftext|>", "<|endoftext|", "<<|endoftext|>>",
                  "[[SEP]]", "[SEP][SEP]", "<|endoftext|><|endoftext|>", "[\u0301MASK]", "##ing", "[unused1]"]
        return "".join(self.random.choice(tokens) + self.random.choice(["", " ", "  ", "\n", self.words(1, 2), "é", "東"])
                       for _ in range(self.random.randint(1, 5)))

    def roberta_special(self):
        tokens = ["<s>", "</s>", "<mask>", "<pad>", "<unk>", "<MASK>", "<mask", "mask>", "< mask >", "<mask><mask>",
                  "<<mask>>", "<s><mask></s>", "<|endoftext|>", "[MASK]", "madeupword0000", "</s><s>"]
        around = ["", "", " ", "  ", "\n", "\t \r\n", "é ", "東", "\u0301"]
        return "".join(self.random.choice(around + [self.some(SPACES, 1, 4), self.words(1, 2)]) +
                       self.random.choice(tokens) for _ in range(self.random.randint(1, 5))) + \
            self.random.choice(around + [self.words(1, 2)])

    def contraction(self):
        ends = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
        ends += [e.upper() for e in ends] + ["'Re", "'Ll", "'x", "''s", "'", "’s", "’ll", "'sa", "'l", "'r", "'v1"]
        return " ".join(self.random.choice(["I", "you", "it", "WE", "1", "", "é", "東", "!"]) + self.random.choice(ends) +
                        self.random.choice(["", "", "'s", " x", "\n"]) for _ in range(self.random.randint(1, 6)))

    def numbers(self):
        pool = self.assigned["Nd"] + self.assigned["Nl"] + self.assigned["No"]
        return " ".join(self.random.choice([self.some("0123456789", 1, 12), self.some(pool, 1, 6),
                                            self.some("0123456789.,%$€-", 2, 9)])
                        for _ in range(self.random.randint(1, 5)))

    def ascii(self):
        return self.some([chr(c) for c in range(32, 127)], 1, 40)

    def code(self):
        pieces = ["for (int i = 0; i < n; ++i) {", "    return x[i] * 2;", "https://example.org/a?b=c&d=%20#e", "a@b.co",
                  "def f(x):\n\treturn x**2\n", "C:\\path\\to", "\u201cquoted\u201d \u2014 dash\u2026", "100°C ±0.5µm²",
                  "naïve café", "ﬁle ﬀ", "ＦＵＬＬ　ｗｉｄｔｈ", "ａｂｃ"]
        return self.random.choice(["", " ", "\n"]).join(self.random.choices(pieces, k=self.random.randint(1, 3)))

    def one_letter(self):
        return chr(self.random.choice(BLOCKS) * 256 + self.random.randrange(256)).encode("utf-8", "replace").decode()

    def repeated(self):
        return self.some("abcehinorst =-.'0", 1, 3) * self.random.randint(8, 120)

    def all(self):
        strings = [""] + [chr(c) for c in range(128)]
        for make, count in [
                (self.prose_line, 5500), (self.review, 2500), (self.category, 2400), (self.mixed, 1600),
                (self.block, 2600), (self.emoji, 700), (self.combining, 1400), (self.spaces, 1100),
                (self.plain_spaces, 500), (self.controls, 600), (self.long_word, 500), (self.special, 900),
                (self.contraction, 700), (self.numbers, 600), (self.ascii, 1300), (self.code, 150),
                (self.one_letter, 400), (self.repeated, 250)]:
            strings += [make() for _ in range(count)]
        strings = list(dict.fromkeys(strings))
        self.random.shuffle(strings)
        return strings


def write_decoded(gpt2):
    """Sequences that are seldom UTF-8: tokens that are single bytes, any token, and pieces of characters."""
    rng = random.Random(8)
    bytes_only = list(range(256))
    open_ended = [i for i in range(len(gpt2)) if "\ufffd" in gpt2.decode([i])]
    out = []
    for _ in range(4000):
        pool = rng.choice([bytes_only, range(len(gpt2)), open_ended, open_ended + [len(gpt2) - 1] * 200])
        ids = [rng.choice(pool) for _ in range(rng.randint(0, 16))]
        text = gpt2.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        out.append(id_list(ids) + with_size(text.encode()))
    write("gpt2_decoded.bin", varint(len(out)) + b"".join(out))


def write_sweep(gpt2, bert):
    out = []
    for sweep in sweeps(gpt2, bert):
        for b in BLOCKS:
            block = [chr(c) for c in range(256 * b, 256 * b + 256) if not 0xD800 <= c <= 0xDFFF]
            out.append(struct.pack("<Q", fnv1a(sweep(block))))
    write("sweep.bin", b"".join(out))


def roberta_files():
    """A vocabulary as RoBERTa's is made: GPT-2's tokens between its special ones, and GPT-2's merges."""
    with open(os.path.join(OUT, "gpt2", "vocab.json"), encoding="utf-8") as file:
        ids = json.load(file)
    with open(os.path.join(OUT, "gpt2", "merges.txt"), encoding="utf-8") as file:
        merges = file.read()
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ids, key=ids.get)]
    tokens += ["madeupword0000", "madeupword0001", "madeupword0002", "<mask>"]
    return {"config.json": {"model_type": "roberta"}, "vocab.json": {token: i for i, token in enumerate(tokens)},
            "merges.txt": merges}


def roberta_tokenizer():
    with tempfile.TemporaryDirectory() as folder:
        write_files(folder, roberta_files())
        return RobertaTokenizerFast.from_pretrained(folder)


def write_roberta(source, strings, gpt2):
    own = list(dict.fromkeys(source.roberta_special() for _ in range(1500)))
    write("roberta_strings.bin", varint(len(own)) + b"".join(with_size(s.encode()) for s in own))
    tokenizer, out = roberta_tokenizer(), []
    strings = own + strings
    for index, (ids, others) in enumerate(zip(tokenizer(strings)["input_ids"], gpt2(strings)["input_ids"])):
        if ids != [tokenizer.cls_token_id, *(i + ROBERTA_FIRST for i in others), tokenizer.sep_token_id]:
            out.append(varint(index) + id_list(ids))
    write("roberta.ids", varint(len(out)) + b"".join(out))


# The folders.

FOLDER_TEXTS = [
    "", "Hello world", " Hello  the world's\n", "the<pad>the <pad> there", "<|endoftext|>The end<|endoftext|> <|x|>",
    "Élan ÉLAN élan elan", "NewWord newword NEWWORD xnewwordx", "[CLS] a [MASK] b [sep] [SEP]", "東京 tokyo",
    "unaffable, unaffordable", "it's\u00a0there\u2003now", "a" * 12 + " " + "b" * 9, "</s>the</s>", "# # ##a"]
ROBERTA_TEXTS = [
    "", "Hello world", "  Hello  the world's\n ", "the <mask> there", "a\n \u2003<mask><mask>b", "<mask> the",
    "the<pad>the <pad> there", "<s>The end</s> </s> <unk>", "<|endoftext|>", "Élan 東京 <mask>", "<mask>  <s>  <mask> newword",
    "   ", "a" * 12 + " " + "b" * 9]


def write_files(folder, files):
    for file, content in files.items():
        if isinstance(content, (dict, list)):
            content = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
        with open(os.path.join(folder, file), "w", encoding="utf-8", newline="") as out:
            out.write(content)


def write_folder(name, files, note, texts=None):
    folder = os.path.join(OUT, "folders", name)
    os.makedirs(folder)
    write_files(folder, files)
    write_expected(folder, note, texts or FOLDER_TEXTS)


def write_expected(folder, note, texts):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = [{"text": text, "ids": tokenizer(text)["input_ids"],
              "first_5": tokenizer(text, truncation=True, max_length=5)["input_ids"],
              "decoded": tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True,
                                          clean_up_tokenization_spaces=False)} for text in texts]
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as out:
        out.write('{"note": ' + json.dumps(note) + ', "eos_id": ' + json.dumps(tokenizer.eos_token_id) + ', "cases": [\n')
        out.write(",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]}\n")


def small_bpe(prose, add_prefix_space=False, special=("<|endoftext|>",)):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator(prose[:2000], trainers.BpeTrainer(
        vocab_size=320, special_tokens=list(special), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return json.loads(tokenizer.to_str())


def bpe_files(tokenizer):
    merges = "#version: 0.2\n" + "".join(" ".join(merge) + "\n" for merge in tokenizer["model"]["merges"])
    return {"vocab.json": tokenizer["model"]["vocab"], "merges.txt": merges}


def added(content, special, normalized):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": normalized,
            "special": special}


def write_bpe_folders(prose):
    gpt2 = {"config.json": {"model_type": "gpt2"}}
    small = small_bpe(prose)
    size = len(small["model"]["vocab"])
    files = bpe_files(small)
    write_folder("bpe_files", {**gpt2, **files}, "vocab.json and merges.txt alone")
    write_folder("bpe_files_legacy", {
        **gpt2, **files, "added_tokens.json": {"<pad>": size, "newword": size + 1},
        "special_tokens_map.json": {"pad_token": "<pad>", "eos_token": added("<|endoftext|>", False, True)},
        "tokenizer_config.json": {"add_prefix_space": True, "tokenizer_class": "GPT2Tokenizer"}},
        "tokens in the files of older make")
    no_end = dict(files)
    no_end["merges.txt"] = files["merges.txt"][:-1].replace("\n", "\r\n")
    write_folder("bpe_files_no_line_end", {**gpt2, **no_end},
                 "the last merge, without a line end, does not count; Windows' line ends")
    write_folder("bpe_files_decoder", {
        **gpt2, **files, "tokenizer_config.json": {
            "tokenizer_class": "GPT2Tokenizer", "pad_token": "<pad>", "eos_token": "<pad>",
            "added_tokens_decoder": {str(size): added("<pad>", True, False), str(size + 1): added("newword", False, True),
                                     str(small["model"]["vocab"]["<|endoftext|>"]): added("<|endoftext|>", True, False)}}},
        "tokens in tokenizer_config.json, another eos")
    small["added_tokens"] += [{"id": size, **added("<pad>", True, False)}, {"id": size + 1, **added("newword", False, True)},
                              {"id": size + 2, **added("the</s>", False, False)}]
    small["truncation"] = {"direction": "Right", "max_length": 400, "strategy": "LongestFirst", "stride": 0}
    write_folder("bpe_json", {**gpt2, "tokenizer.json": small}, "tokenizer.json, merges as pairs")
    old = small_bpe(prose, add_prefix_space=True)
    old["model"]["merges"] = [" ".join(merge) for merge in old["model"]["merges"]]
    del old["model"]["type"]
    old["model"].update(unk_token="", continuing_subword_prefix="", end_of_word_suffix="")
    write_folder("bpe_json_old", {**gpt2, "tokenizer.json": old, "tokenizer_config.json": {"add_prefix_space": True}},
                 "merges as strings, no type, empty for null; a prefix space in both files")
    write_folder("bpe_json_prefix", {**gpt2, "tokenizer.json": old},
                 "a prefix space in tokenizer.json only, which transformers overrules")
    other = small_bpe(prose, special=("</s>", "<unk>"))
    write_folder("bpe_json_other_eos", {**gpt2, "tokenizer.json": other, "tokenizer_config.json": {
        "eos_token": "</s>", "bos_token": "</s>", "unk_token": "<unk>"}}, "another eos")


def write_roberta_folders(prose):
    roberta = {"config.json": {"model_type": "roberta", "architectures": ["RobertaForSequenceClassification"]}}
    special = ("<s>", "<pad>", "</s>", "<unk>")
    small = small_bpe(prose, special=special)
    vocab = small["model"]["vocab"]
    mask = len(vocab)
    vocab["<mask>"] = mask
    files = bpe_files(small)

    def write_roberta_folder(name, more, note):
        write_folder(name, {**roberta, **more}, note, ROBERTA_TEXTS)

    write_roberta_folder("roberta_files", files, "vocab.json and merges.txt alone")
    write_roberta_folder("roberta_files_map", {
        **files, "tokenizer_config.json": {"model_max_length": 512, "add_prefix_space": True},
        "special_tokens_map.json": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>",
                                    "pad_token": "<pad>", "cls_token": "<s>", "mask_token": "<mask>"}},
        "special tokens as strings in the file of older make; a prefix space")
    objects = {role: added(token, False, True) for role, token in [
        ("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "</s>"), ("pad_token", "<pad>"),
        ("cls_token", "<s>")]}
    objects["mask_token"] = {**added("<mask>", False, True), "lstrip": True}
    write_roberta_folder("roberta_files_objects", {**files, "special_tokens_map.json": objects},
                         "special tokens as objects, normalized")
    objects = {**objects, "mask_token": added("<mask>", False, False)}
    write_roberta_folder("roberta_files_plain_mask", {**files, "special_tokens_map.json": objects},
                         "a mask that leaves the space before it")
    write_roberta_folder("roberta_files_decoder", {**files, "tokenizer_config.json": {
        "tokenizer_class": "RobertaTokenizer", "mask_token": "<mask>", "cls_token": "<s>", "sep_token": "</s>",
        "added_tokens_decoder": {
            **{str(vocab[token]): added(token, True, True) for token in special},
            str(mask): {**added("<mask>", True, False), "lstrip": True}, str(mask + 1): added("newword", False, True)}}},
        "tokens in tokenizer_config.json")
    write_roberta_folder("roberta_files_renamed", {**files, "tokenizer_config.json": {
        "cls_token": "<unk>", "sep_token": "<pad>"}}, "other tokens frame a text")

    base = RobertaTokenizerFast.from_pretrained(os.path.join(OUT, "folders", "roberta_files"))
    backend = json.loads(base._tokenizer.to_str())
    write_roberta_folder("roberta_json", {"tokenizer.json": backend}, "tokenizer.json as transformers 4 saves it")
    template = json.loads(json.dumps(backend))
    template["post_processor"] = json.loads(processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]).__getstate__())
    write_roberta_folder("roberta_json_template", {"tokenizer.json": template, "tokenizer_config.json": {
        "add_prefix_space": True, "cls_token": "<s>", "sep_token": "</s>"}}, "framed by a template; a prefix space")
    untrimmed = json.loads(json.dumps(backend))
    untrimmed["post_processor"].update(trim_offsets=False, add_prefix_space=True)
    write_roberta_folder("roberta_json_other", {"tokenizer.json": untrimmed},
                         "settings of a tokenizer.json that RobertaTokenizerFast overrules")
    unframed = json.loads(json.dumps(backend))
    unframed["post_processor"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    write_roberta_folder("roberta_json_unframed", {"tokenizer.json": unframed}, "a tokenizer.json that frames no text")


def bert_vocab():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "Hello", "world", "the", "The", "un", "##aff",
             "##able", "##ord", ",", "'", "s", "it", "elan", "élan", "Élan", "ELAN", "Elan", "E", "e", "東", "京", "東京",
             "tokyo", "a", "b", "##a", "##b", "end", "there", "now", "new", "##word", "##s", "[", "]", "x", "##x", "<",
             ">", "|", "#", "##é", "É", "##L", "##A", "##N", "##lan", "pad", "newword", "mask", "sep", "cls", "/"]
    return words


def write_bert_folders():
    bert = {"config.json": {"model_type": "bert"}}
    vocab = bert_vocab()
    text = "".join(word + "\n" for word in vocab)
    write_folder("bert_vocab", {**bert, "vocab.txt": text}, "vocab.txt alone")
    write_folder("bert_vocab_cased", {**bert, "vocab.txt": text, "tokenizer_config.json": {"do_lower_case": False}},
                 "cased")
    write_folder("bert_vocab_accents", {**bert, "vocab.txt": text.replace("\n", "\r\n"), "tokenizer_config.json": {
        "do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False,
        "tokenizer_class": "BertTokenizer", "do_basic_tokenize": False}}, "accents and CJK kept; Windows' line ends")
    write_folder("bert_vocab_twice", {**bert, "vocab.txt": text + "hello\n\nlast"},
                 "a word that is there twice, an empty line, no line end")
    write_folder("bert_vocab_renamed", {**bert, "vocab.txt": text.replace("[CLS]", "<s>").replace("[SEP]", "</s>"),
                                        "tokenizer_config.json": {"cls_token": "<s>", "sep_token": "</s>"}},
                 "special tokens by other names")
    base = os.path.join(OUT, "folders", "bert_vocab")
    tokenizer = BertTokenizerFast.from_pretrained(base)
    tokenizer.add_tokens([AddedToken("NewWord", normalized=True), AddedToken("<pad>", normalized=False),
                          AddedToken("Élan", normalized=True)])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|x|>"]})
    backend = json.loads(tokenizer._tokenizer.to_str())
    write_folder("bert_json", {**bert, "tokenizer.json": backend}, "tokenizer.json with added tokens")
    cased = json.loads(json.dumps(backend))
    cased["normalizer"].update(lowercase=False, strip_accents=None, handle_chinese_chars=False)
    del cased["model"]["type"]
    cased["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    write_folder("bert_json_cased", {**bert, "tokenizer.json": cased}, "cased, which BertTokenizerFast overrules")
    write_folder("bert_json_cased_kept", {**bert, "tokenizer.json": cased, "tokenizer_config.json": {
        "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}},
        "cased, and of a class that keeps it")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with gpt2/, corpus/ and sst2/")
    data = parser.parse_args().data
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(os.path.join(OUT, "gpt2"))
    for file in ("vocab.json", "merges.txt"):
        shutil.copyfile(os.path.join(data, "gpt2", file), os.path.join(OUT, "gpt2", file))
    gpt2 = GPT2TokenizerFast.from_pretrained(os.path.join(OUT, "gpt2"))
    demo = AutoTokenizer.from_pretrained("models/demo/gpt2")
    bert = AutoTokenizer.from_pretrained("models/demo/bert-sst2")
    assert gpt2.is_fast and demo.is_fast and bert.is_fast

    source = Strings(data)
    strings = source.all()
    write("strings.bin", varint(len(strings)) + b"".join(with_size(s.encode()) for s in strings))
    for name, tokenizer, count in [("gpt2", gpt2, None), ("bert", bert, None), ("demo_gpt2", demo, NUM_DEMO_STRINGS)]:
        ids = tokenizer(strings[:count])["input_ids"]
        write(f"{name}.ids", varint(len(ids)) + b"".join(map(id_list, ids)))
    write_decoded(gpt2)
    write_sweep(gpt2, bert)
    write_roberta(source, strings, gpt2)
    write_bpe_folders(source.prose)
    write_bert_folders()
    write_roberta_folders(source.prose)
    print(len(strings), "strings")


if __name__ == "__main__":
    main()
