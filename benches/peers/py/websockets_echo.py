"""A WebSocket echo on one event loop with websockets, the usual package for Python.

usage: websockets_echo.py PORT     (0: the system chooses; the first line on stdout names the port)
"""
import asyncio
import sys

import websockets


async def echo(socket):
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.ConnectionClosedError:
        pass  # a client that ends without a Close is no news


async def main():
    async with websockets.serve(echo, "127.0.0.1", int(sys.argv[1]), backlog=4096) as server:
        print("listening on %s:%d" % server.sockets[0].getsockname(), flush=True)
        await asyncio.Future()


asyncio.run(main())
