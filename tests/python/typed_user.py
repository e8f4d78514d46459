"""What a user's program may do by the package's types; `mypy --strict` reads it, and nothing runs it."""
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Unpack

import chorus
from chorus.exceptions import InvalidArgument, RunnerError, ServerError
from chorus.io import JSON, Text
from chorus.results import DoneEvent, FailedText, ScoreEvent, TokenEvent


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


def words(client: chorus.Client, text: str, **params: Unpack[chorus.ModelParams]) -> Iterator[str]:
    with contextlib.closing(client.stream_generate("gpt2-generation", text, **params)) as events:
        for event in events:
            if isinstance(event, TokenEvent):
                yield event.text


async def scores(client: chorus.AsyncClient, **params: Unpack[chorus.GraphParams]) -> AsyncIterator[float]:
    async for event in client.stream_graph("a", **params):
        match event:
            case ScoreEvent():
                yield event.score
            case DoneEvent(seed=int(seed)):
                print(seed)


def refused(client: chorus.Client) -> str:
    try:
        return client.detokenize("gpt2-generation", [1, 2])
    except InvalidArgument as error:
        return str(error.details[0]["field_violations"])
    except ServerError as error:
        return f"{error.code} {error.status} {error.message} {error.retry_after_seconds or 0.0:g}"


def saved(pipeline: object) -> chorus.Model:
    tag: chorus.Tag = chorus.save_model("mine", pipeline, labels={"team": "nlp"}, metadata={"epochs": 3})
    live = chorus.models.list("mine*", labels={"team": None}, task="generate")
    return live[0] if live else chorus.get(tag)


runner = chorus.get("mine").to_runner(dtype="int8", threads=2)
svc = chorus.Service("typed", runners=[runner])


@svc.api(input=Text(), output=JSON())
async def classify(text: str) -> list[dict[str, object]]:
    try:
        result: list[dict[str, object]] = await runner.async_run(text, top_k=None, timeout=1.5)
    except RunnerError as error:
        return [{"error": str(error)}]
    return result


def called() -> object:
    with chorus.get("mine").to_runner() as local:
        return local.run(text_inputs=["a"], max_length=20)


version: str = chorus.__version__
