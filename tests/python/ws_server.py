"""Python's websockets as a server for our client: an echo at every path but these. Its first line says where it listens."""
import asyncio
import http
import ssl
import sys

import websockets


async def handle(websocket, path):
    try:
        if path == "/close":
            await websocket.close(code=4002, reason="再见")
        elif path == "/ping":
            for _ in range(10):
                await asyncio.wait_for(await websocket.ping(), 10)
            await websocket.send("ten pongs")
        elif path == "/fragments":
            await websocket.send(["你", "", "好"])
        elif path == "/big":
            await websocket.send(b"x" * ((1 << 20) + 1))
            try:
                await websocket.recv()
            except websockets.exceptions.ConnectionClosed as closed:
                print("closed:", closed.rcvd.code, flush=True)
        elif path == "/headers":
            await websocket.send(str(websocket.request_headers.get("X-Name")) + " " + str(websocket.subprotocol))
        else:
            async for message in websocket:
                await websocket.send(message)
            print("closed:", websocket.close_code, websocket.close_reason, flush=True)
    except websockets.exceptions.ConnectionClosedError:
        # Every code but 1000 and 1001 is an error to `async for`.
        print("closed:", websocket.close_code, websocket.close_reason, flush=True)


async def refuse(path, headers):
    if path.startswith("/refuse/"):
        return http.HTTPStatus(int(path[8:])), [], b"not today\n"


async def main():
    context = None
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1])
    server = await websockets.serve(handle, "127.0.0.1", 0, max_size=2**21, subprotocols=["v2"], ssl=context,
                                     process_request=refuse)
    print("listening on %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    await asyncio.Future()


asyncio.run(main())
