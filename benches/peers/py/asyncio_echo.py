"""An echo server on one event loop, with asyncio's Protocol, which is faster than its streams (TCP_NODELAY is asyncio's default).

usage: asyncio_echo.py PORT        (0: the system chooses; the first line on stdout names the port)
"""
import asyncio
import sys


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", int(sys.argv[1]), backlog=4096, reuse_address=True)
    print("listening on %s:%d" % server.sockets[0].getsockname(), flush=True)
    await server.serve_forever()


asyncio.run(main())
