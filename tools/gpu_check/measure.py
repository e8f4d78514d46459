#!/usr/bin/env python3
"""The parts of tools/gpu_check.sh that need PyTorch: models of random weights, Chorus's engine and transformers over
them, and the table.

usage: measure.py describe DEVICE                 what the machine is
       measure.py make DEVICE FOLDER              writes the models
       measure.py run DEVICE FOLDER ENGINE FILE SECONDS   measures, a JSON line each into FILE, within so many seconds
       measure.py peer DEVICE MODEL_FOLDER MODE BATCHES   transformers: eager, static, batching or classify
       measure.py table FILE                      Markdown of what was measured

Needs PyTorch alone; what transformers does is measured where that is installed. Speed does not depend on the weights.
"""
import ctypes
import importlib.util
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import time

NEW_TOKENS = 123  # As benchmarks/engine.cc, with prompts of 5.
PROMPT = [(12345 + i * 104729) % 50000 for i in range(5)]
LENGTH = 128  # Of texts to classify.
LABELS = {"0": "NEGATIVE", "1": "POSITIVE"}
MODES = {"eager": "transformers", "static": "static cache, compiled", "batching": "continuous batching", "classify": "transformers"}


def gpt2(layers, width, heads, vocab=50257):
    config = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_layer": layers, "n_embd": width,
              "n_head": heads, "n_ctx": 1024, "n_positions": 1024, "vocab_size": vocab, "layer_norm_epsilon": 1e-5,
              "activation_function": "gelu_new", "bos_token_id": vocab - 1, "eos_token_id": vocab - 1}
    shapes = {"transformer.wte.weight": [vocab, width], "transformer.wpe.weight": [1024, width]}
    for i in range(layers):
        for name, rows, columns in (("attn.c_attn", width, 3 * width), ("attn.c_proj", width, width),
                                    ("mlp.c_fc", width, 4 * width), ("mlp.c_proj", 4 * width, width)):
            shapes[f"transformer.h.{i}.{name}.weight"] = [rows, columns]
            shapes[f"transformer.h.{i}.{name}.bias"] = [columns]
        for name in ("ln_1", "ln_2"):
            shapes |= {f"transformer.h.{i}.{name}.{part}": [width] for part in ("weight", "bias")}
    shapes |= {f"transformer.ln_f.{part}": [width] for part in ("weight", "bias")}
    return config, shapes


def llama(layers, width, heads, kv_heads, inner, vocab):
    """The shape of Llama 3.2 1B, with a context as those of the others."""
    head = width // heads
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": layers,
              "hidden_size": width, "num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": head,
              "intermediate_size": inner, "vocab_size": vocab, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
              "rope_theta": 500000.0, "hidden_act": "silu", "tie_word_embeddings": True, "attention_bias": False,
              "mlp_bias": False, "bos_token_id": 0, "eos_token_id": 1}
    shapes = {"model.embed_tokens.weight": [vocab, width], "model.norm.weight": [width]}
    for i in range(layers):
        for name, rows, columns in (("self_attn.q_proj", width, width), ("self_attn.k_proj", kv_heads * head, width),
                                    ("self_attn.v_proj", kv_heads * head, width), ("self_attn.o_proj", width, width),
                                    ("mlp.gate_proj", inner, width), ("mlp.up_proj", inner, width),
                                    ("mlp.down_proj", width, inner)):
            shapes[f"model.layers.{i}.{name}.weight"] = [rows, columns]
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"model.layers.{i}.{name}.weight"] = [width]
    return config, shapes


def bert(layers, width, heads, vocab=30522):
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "num_hidden_layers": layers,
              "hidden_size": width, "num_attention_heads": heads, "intermediate_size": 4 * width, "vocab_size": vocab,
              "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
              "id2label": LABELS, "label2id": {name: int(index) for index, name in LABELS.items()}, "pad_token_id": 0}
    shapes = {f"bert.embeddings.{name}_embeddings.weight": [rows, width]
              for name, rows in (("word", vocab), ("position", 512), ("token_type", 2))}
    linear = {"bert.pooler.dense": (width, width), "classifier": (2, width)}
    norms = ["bert.embeddings.LayerNorm"]
    for i in range(layers):
        layer = f"bert.encoder.layer.{i}"
        linear |= {f"{layer}.attention.self.{name}": (width, width) for name in ("query", "key", "value")}
        linear |= {f"{layer}.attention.output.dense": (width, width), f"{layer}.intermediate.dense": (4 * width, width),
                   f"{layer}.output.dense": (width, 4 * width)}
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for name, shape in linear.items():
        shapes |= {f"{name}.weight": list(shape), f"{name}.bias": [shape[0]]}
    for name in norms:
        shapes |= {f"{name}.weight": [width], f"{name}.bias": [width]}
    return config, shapes


def models(device):
    """In the order in which they are measured."""
    if device == "cpu":  # A rehearsal.
        return {"small": gpt2(2, 128, 2, 1000)}
    return {"gpt2": gpt2(12, 768, 12), "bert-base": bert(12, 768, 12), "llama-1b": llama(16, 2048, 32, 8, 8192, 128256),
            "distilgpt2": gpt2(6, 768, 12), "gpt2-medium": gpt2(24, 1024, 16)}


def make(device, folder):
    import torch
    torch.manual_seed(0)
    for name, (config, shapes) in models(device).items():
        target = pathlib.Path(folder) / name
        target.mkdir(parents=True, exist_ok=True)
        (target / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
        header, offset = {"__metadata__": {"format": "pt"}}, 0
        for tensor, shape in shapes.items():
            size = 2
            for extent in shape:
                size *= extent
            header[tensor] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
            offset += size
        head = json.dumps(header).encode()
        head += b" " * (-len(head) % 8)
        with open(target / "model.safetensors", "wb") as file:
            file.write(len(head).to_bytes(8, "little") + head)
            for tensor, shape in shapes.items():
                norm = len(shape) == 1 and ("norm" in tensor.lower() or ".ln_" in tensor)
                fill = float(norm and tensor.endswith("weight"))
                values = (torch.full(shape, fill, dtype=torch.bfloat16) if len(shape) == 1 else
                          torch.randn(shape, device=device).mul_(0.02).to(torch.bfloat16).cpu())
                file.write(ctypes.string_at(values.data_ptr(), values.nbytes))


def describe(device):
    import torch
    print(f"torch {torch.__version__}, CUDA {torch.version.cuda}; {platform.processor() or platform.machine()}, glibc "
          f"{platform.libc_ver()[1]}; transformers {'is' if importlib.util.find_spec('transformers') else 'is not'} installed")
    if device == "cpu":
        print("device: cpu, a rehearsal; nothing here says how fast a GPU is")
        return
    card = torch.cuda.get_device_properties(torch.device(device))
    print(f"device: {card.name}, {card.total_memory / 2**30:.0f} GiB, compute capability {card.major}.{card.minor}")


class Runs:
    """Writes what is measured, while there is time."""

    def __init__(self, path, seconds):
        self._file = open(path, "a")
        self._ends = time.monotonic() + seconds - 8

    def run(self, who, model, limit, command):
        left = self._ends - time.monotonic()
        if left < 10:
            self._write({"who": who, "model": model, "reason": "no time was left"})
            return
        with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                lines, errors = process.communicate(timeout=min(limit, left))
                reason = errors.strip().splitlines()[-1][:200] if process.returncode and errors.strip() else None
            except subprocess.TimeoutExpired:
                process.kill()
                lines, _ = process.communicate()
                reason = f"did not end in {min(limit, left):.0f} s"
        for line in filter(lambda line: line.startswith("{"), lines.splitlines()):
            self._write({**json.loads(line), "who": who, "model": model})
        if reason:
            self._write({"who": who, "model": model, "reason": reason})

    def _write(self, fields):
        print(json.dumps(fields), file=self._file, flush=True)


def run(device, folder, engine, path, seconds):
    runs, folder = Runs(path, float(seconds)), pathlib.Path(folder)
    rehearsal = device == "cpu"
    sizes = [1, 8] if rehearsal else [1, 8, 32, 128, 256]
    generators = [name for name in models(device) if not name.startswith("bert")]
    for name in models(device):
        runs.run("Chorus", name, 45, [
            engine, "--model", folder / name, "--executor", "torch", "--device", device, "--dtypes", "bfloat16", "--runs",
            1 if rehearsal else 3, "--batches", ",".join(map(str, sizes)), "--prefills", "128,512", "--lengths", LENGTH,
            "--classify_batches", "1,32,128"])
    if not importlib.util.find_spec("transformers"):
        return
    peer = [sys.executable, __file__, "peer", device]
    runs.run(MODES["eager"], generators[0], 60, [*peer, folder / generators[0], "eager", *sizes])
    if rehearsal:
        return
    runs.run(MODES["classify"], "bert-base", 40, [*peer, folder / "bert-base", "classify", 1, 32, 128])
    runs.run(MODES["static"], "gpt2", 90, [*peer, folder / "gpt2", "static", 1, 32, 256])
    runs.run(MODES["batching"], "gpt2", 45, [*peer, folder / "gpt2", "batching", 32, 256])
    for name in generators[1:]:
        runs.run(MODES["eager"], name, 45, [*peer, folder / name, "eager", *sizes])


def peer(device, folder, mode, *batches):
    import torch
    import transformers
    torch.set_grad_enabled(False)
    kind = transformers.AutoModelForSequenceClassification if mode == "classify" else transformers.AutoModelForCausalLM
    options = {"attn_implementation": "paged|sdpa"} if mode == "batching" else {}
    model = kind.from_pretrained(folder, dtype=torch.bfloat16, **options).eval().to(device)

    def once(batch):
        if mode == "classify":
            ids = torch.randint(5, 30000, (batch, LENGTH), device=device)
            model(ids, attention_mask=torch.ones_like(ids))
        elif mode == "batching":
            config = transformers.GenerationConfig(max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=-1, pad_token_id=0)
            model.generate_batch([PROMPT] * batch, generation_config=config, progress_bar=False)
        else:
            vocab = model.config.vocab_size
            ids = torch.tensor([[token % vocab for token in PROMPT]] * batch, device=device)
            cache = {"cache_implementation": "static"} if mode == "static" else {}
            model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, pad_token_id=0,
                           min_new_tokens=NEW_TOKENS, max_new_tokens=NEW_TOKENS, **cache)
        if device != "cpu":
            torch.cuda.synchronize()

    what, unit = ("classify", "seq_s") if mode == "classify" else ("decode", "tok_s")
    for batch in map(int, batches):
        once(batch)  # A warm-up, which compiles where that is asked for.
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            once(batch)
            seconds.append(time.perf_counter() - start)
        amount = batch * (1 if mode == "classify" else NEW_TOKENS)
        print(json.dumps({"what": what, "length": LENGTH if mode == "classify" else len(PROMPT), "batch": batch,
                          unit: round(amount / statistics.median(seconds), 1)}), flush=True)


def table(path):
    lines = [json.loads(line) for line in open(path)] if pathlib.Path(path).exists() else []
    columns = ["Chorus", *dict.fromkeys(MODES.values())]
    cells = {}
    for line in lines:
        if value := line.get("tok_s", line.get("seq_s")):
            size = f"{line['batch']} texts" + (f" of {line['length']}" if line["what"] == "classify" else "")
            size = f"of {line['length']}" if line["what"] == "prefill" else size
            cells.setdefault((line["model"], f"{line['what']}, {size}"), {})[line["who"]] = value
    print("bfloat16, random weights; tokens/s, and texts/s to classify\n\n| | | " + " | ".join(columns) +
          " | Chorus / best other |\n|" + "---|" * (len(columns) + 3))
    for (model, what), row in cells.items():
        others = [row[who] for who in columns[1:] if who in row]
        ratio = f"{row['Chorus'] / max(others):.2f}" if others and "Chorus" in row else ""
        print(f"| {model} | {what} | " + " | ".join(f"{row[who]:.0f}" if who in row else "" for who in columns) + f" | {ratio} |")
    for line in lines:
        if "reason" in line:
            print(f"\n{line['who']}, {line['model']}: {line['reason']}")


if __name__ == "__main__":
    verbs = {"describe": describe, "make": make, "run": run, "peer": peer, "table": table}
    if len(sys.argv) < 3 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    verbs[sys.argv[1]](*sys.argv[2:])
