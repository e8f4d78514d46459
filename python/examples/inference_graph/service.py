"""The tutorial's inference graph in Python: three generators continue a text, and a classifier scores what they wrote.

`chorus serve service:svc` serves it, as POST /classify_generated_texts.
"""
import asyncio

import chorus
from chorus.io import JSON, Text

GENERATORS = ["gpt2-generation:latest", "distilgpt2-generation:latest", "gpt2-medium-generation:latest"]

generators = [chorus.transformers.get(tag).to_runner() for tag in GENERATORS]
classifier = chorus.transformers.get("bert-base-uncased-classification:latest").to_runner()

svc = chorus.Service("inference_graph", runners=[*generators, classifier])


@svc.api(input=Text(), output=JSON())
async def classify_generated_texts(prompt: str) -> list:
    async def branch(generator):
        generated = (await generator.async_run(prompt, max_length=128, num_return_sequences=1))[0]["generated_text"]
        return {"generated": generated, "score": (await classifier.async_run(generated))[0]["score"]}

    return await asyncio.gather(*(branch(generator) for generator in generators))
