"""Asks for many texts at once, and prints each prompt's best. usage: many.py [URL]"""
import asyncio
import sys

import chorus

PROMPTS = ["I have an idea!", "Once upon a time", "The best of it is", "Nobody knew why"]


async def best(client, prompt):
    texts = await client.run_graph(prompt, max_length=40, details=True, timeout=60)
    return max(texts, key=lambda text: text.score)


async def main(url):
    async with chorus.AsyncClient(url) as client:
        for text in await asyncio.gather(*(best(client, prompt) for prompt in PROMPTS)):
            print(f"{text.label} {text.score:.3f} {text.generated!r}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"))
