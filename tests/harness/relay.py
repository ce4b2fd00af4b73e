#!/usr/bin/env python3
"""A relay that sits on a router and, once, changes one byte on its way. Connections that the router redirects
here go on to where they were meant to. `relay.py PORT AFTER SEED`: the first connection that has carried
AFTER bytes in one direction gets one bit flipped in its next block; prints "flipped"."""
import asyncio
import random
import socket
import struct
import sys

SO_ORIGINAL_DST = 80


class Relay:
    def __init__(self, after):
        self.after, self.flipped = after, False

    async def pump(self, reader, writer):
        passed = 0
        while block := await reader.read(65536):
            if not self.flipped and passed > self.after and len(block) > 1000:
                self.flipped = True
                changed = bytearray(block)
                changed[random.randrange(len(block))] ^= 1 << random.randrange(8)
                block = bytes(changed)
                print("flipped", flush=True)
            passed += len(block)
            writer.write(block)
            await writer.drain()
        writer.close()

    async def serve(self, reader, writer):
        original = writer.get_extra_info("socket").getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
        port, address = struct.unpack("!2xH4s8x", original)
        try:
            far_reader, far_writer = await asyncio.open_connection(socket.inet_ntoa(address), port)
        except OSError:  # nobody listens there yet: as little as without us
            writer.close()
            return
        await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer),
                             return_exceptions=True)
        for end in (writer, far_writer):
            end.close()


async def main():
    relay = Relay(int(sys.argv[2]))
    random.seed(int(sys.argv[3]))
    server = await asyncio.start_server(relay.serve, "0.0.0.0", int(sys.argv[1]))
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
