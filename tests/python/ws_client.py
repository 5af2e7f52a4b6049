"""Python's websockets as a client of our server. Arguments: the address and what to do. Says what it saw, a line each."""
import asyncio
import ssl
import sys

import websockets


async def once(uri, **more):
    """One message there and one back, as the usual client does it."""
    async with websockets.connect(uri, **more) as websocket:
        await websocket.send("Hello, Server!")
        response = await websocket.recv()
        print("received: " + response)


async def many(uri):
    """Sizes on both sides of each form of the length, text and bytes, fragments, pings, and the Close with its reason."""
    async with websockets.connect(uri, max_size=2**21) as websocket:
        for size in (0, 1, 125, 126, 127, 65535, 65536, 1 << 20):
            for message in ("x" * size, b"\xff" * size):
                await websocket.send(message)
                assert await websocket.recv() == message, size
        await websocket.send(["你", "", "好"])
        assert await websocket.recv() == "你好"
        await websocket.send([b"a", b"b"])
        assert await websocket.recv() == b"ab"
        for _ in range(10):
            await (await websocket.ping())
        await websocket.close(code=4001, reason="再见")
    print("closed:", websocket.close_code, websocket.close_reason)


async def listen(uri):
    """Says something, then listens until the server closes."""
    async with websockets.connect(uri) as websocket:
        await websocket.send("Hello, Server!")
        while True:
            try:
                message = await websocket.recv()
                print("received: " + message, flush=True)
            except websockets.exceptions.ConnectionClosed as closed:
                print("closed:", closed.rcvd.code, closed.rcvd.reason)
                break


async def too_big(uri):
    async with websockets.connect(uri, max_size=None) as websocket:
        await websocket.send("x" * ((1 << 20) + 1))
        try:
            await websocket.recv()
        except websockets.exceptions.ConnectionClosed as closed:
            print("closed:", closed.rcvd.code)


async def foreign(uri):
    try:
        async with websockets.connect(uri, origin="http://evil.example"):
            print("let in")
    except websockets.exceptions.InvalidStatusCode as refused:
        print("refused:", refused.status_code)


async def protocols(uri):
    async with websockets.connect(uri, subprotocols=["v9", "v2", "v1"]) as websocket:
        print("agreed:", websocket.subprotocol)


async def secure(uri):
    context = ssl.create_default_context(cafile=sys.argv[3])
    await once(uri, ssl=context)


asyncio.run(globals()[sys.argv[2]](sys.argv[1]))
