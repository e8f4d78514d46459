"""A service of one runner."""
import chorus
from chorus.io import JSON, Text

runner = chorus.get("bert-base-uncased-classification:demo").to_runner()
svc = chorus.Service("one_runner", runners=[runner])


@svc.api(input=Text(), output=JSON())
async def classify(text):
    return await runner.async_run(text)
