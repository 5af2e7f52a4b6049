"""Pages as asyncio and aiohttp get them: all at once, in order, the first hundred characters of each; printed as JSON."""
import asyncio
import json
import sys

import aiohttp


async def page(session, url):
    async with session.get(url) as answer:
        return (await answer.text())[:100]


async def pages(urls):
    limit = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=limit) as session:
        return await asyncio.gather(*[page(session, url) for url in urls], return_exceptions=True)


found = asyncio.run(pages(sys.argv[1:]))
print(json.dumps([one if isinstance(one, str) else {"error": type(one).__name__} for one in found]))
