"""The inference graph of BentoML's tutorial: a text to three generators at once, then their texts to a classifier."""
import asyncio

import bentoml
from bentoml.io import JSON, Text

generators = [bentoml.transformers.get(name).to_runner() for name in ("gpt2", "distilgpt2", "gpt2-medium")]
classifier = bentoml.transformers.get("bert-base-uncased").to_runner()
service = bentoml.Service("inference_graph", runners=[*generators, classifier])


@service.api(input=Text(), output=JSON())
async def classify_generated_texts(text):
    generated = await asyncio.gather(*(generator.async_run(text, max_length=128) for generator in generators))
    results = []
    for sequences in generated:
        text = sequences[0]["generated_text"]
        classes = await classifier.async_run(text)
        results.append({"generated": text, "score": classes[0]["score"]})
    return results
