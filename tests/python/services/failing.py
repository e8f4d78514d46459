"""APIs that fail, and one that blocks."""
import chorus
from chorus.io import JSON, Text

svc = chorus.Service("failing")


@svc.api(input=JSON(), output=JSON())
async def fails(value):
    raise RuntimeError("a secret of the service")


@svc.api(input=Text(), output=JSON())
async def not_json(text):
    return object()


@svc.api(input=Text(), output=Text())
def blocking(text):
    return text.upper()


@svc.api(input=Text(), output=JSON(), route="/named/path")
async def other(text):
    return None
