# aiohttp_fetch.py URL COUNT
# Asks for URL/0, URL/1 and so on up to COUNT with aiohttp, all at once; then prints `seconds=S answers=N rss_kib=K`, the last
# being the most memory this process ever had (VmHWM, proc(5)).
import asyncio
import sys
import time

import aiohttp

url, count = sys.argv[1], int(sys.argv[2])

async def fetch(session, number):
    async with session.get(f"{url}/{number}") as response:
        return response.status == 200 and len(await response.read()) == 1024

async def main():
    start = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        answers = sum(await asyncio.gather(*(fetch(session, n) for n in range(count))))
    seconds = time.perf_counter() - start
    with open("/proc/self/status") as status:
        most = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    print(f"seconds={seconds} answers={answers} rss_kib={most}")

asyncio.run(main())
