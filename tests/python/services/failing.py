"""APIs that fail, and one that blocks."""
import asyncio
import sys

import chorus
from chorus.exceptions import server_error
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


@svc.api(input=Text(), output=Text())
async def awaits_what_is_cancelled(text):
    task = asyncio.ensure_future(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(task.cancel)
    return await task


@svc.api(input=Text(), output=Text())
def exits(text):
    sys.exit("a secret of the service")


@svc.api(input=Text(), output=Text())
async def is_refused(text):
    raise server_error("there is no replica", "UNAVAILABLE")
