"""A port proxy as container runtimes have them: it accepts before the server listens.

    proxy.py LISTEN TARGET    ports of 127.0.0.1; closes what it cannot pass on; runs until killed
"""

import asyncio
import contextlib
import sys


async def copy(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


async def pass_on(reader, writer, target):
    with contextlib.suppress(OSError):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
        far_writer.close()
    writer.close()


async def main(listen, target):
    server = await asyncio.start_server(lambda r, w: pass_on(r, w, target), "127.0.0.1", listen)
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
