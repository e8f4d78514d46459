"""What a user's program may do by the package's types; `mypy --strict` reads it, and nothing runs it."""
import chorus
from chorus.results import FailedText


def texts(client: chorus.Client) -> list[tuple[str, float]]:
    return [(text.generated, text.score) for text in client.run_graph("a", seed=1, details=True)]


def some_texts(client: chorus.Client) -> list[tuple[str, float]]:
    found = client.run_graph("a", partial=True)
    print([text.error.message for text in found if isinstance(text, FailedText)])
    return [(text.generated, text.score) for text in found if text.error is None]


async def labels(client: chorus.AsyncClient) -> dict[str, float]:
    made = await client.generate("gpt2-generation", "a")
    scored = await client.run_graph(made.generated)
    first: float = scored[0].score
    return {one.label: one.score + first for one in await client.classify("bert", ["a"])}
