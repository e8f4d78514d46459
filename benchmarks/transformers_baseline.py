"""Hugging Face transformers on the work of runner_load: greedy, 123 new tokens after "I have an idea!", batched by
hand.

usage: transformers_baseline.py MODEL_DIR --threads N --batches 1,8,32
Prints one JSON line a batch size, the median of `--runs` runs after a warm-up. Float32, as Chorus computes.
"""
import argparse
import json
import statistics
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--batches", default="1,8,32")
parser.add_argument("--new_tokens", type=int, default=123)
parser.add_argument("--runs", type=int, default=3)
args = parser.parse_args()

torch.set_num_threads(args.threads)
tokenizer = AutoTokenizer.from_pretrained(args.model)
model = AutoModelForCausalLM.from_pretrained(args.model, torch_dtype=torch.float32).eval()
prompt = tokenizer("I have an idea!", return_tensors="pt").input_ids


def rss_mib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def generate(batch):
    start = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(
            prompt.repeat(batch, 1), attention_mask=torch.ones(batch, prompt.shape[1], dtype=torch.long), do_sample=False,
            min_new_tokens=args.new_tokens, max_new_tokens=args.new_tokens, pad_token_id=0)
    assert out.shape[1] == prompt.shape[1] + args.new_tokens
    return batch * args.new_tokens / (time.perf_counter() - start)


generate(1)
for size in [int(size) for size in args.batches.split(",")]:
    rate = statistics.median(generate(size) for _ in range(args.runs))
    print(json.dumps({"concurrency": size, "tokens_per_second": rate, "rss_mib": rss_mib()}), flush=True)
