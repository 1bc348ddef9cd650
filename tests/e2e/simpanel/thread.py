"""A simulated server in a thread of the test's own process."""

import asyncio
import contextlib
import threading


@contextlib.contextmanager
def served(make, name):
    """Runs what `make()` gives (with start() and stop() to await) on a loop of its own; yields it."""
    ready = threading.Event()
    box = {}

    async def body():
        try:
            server = make()
            await server.start()
            box.update(server=server, stop=asyncio.Event(), loop=asyncio.get_running_loop())
        except BaseException as error:
            box["error"] = error
            raise
        finally:
            ready.set()
        await box["stop"].wait()
        await server.stop()

    def run():
        with contextlib.suppress(BaseException):
            asyncio.run(body())

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    ready.wait(30)
    if "error" in box:
        raise box["error"]
    try:
        yield box["server"]
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(10)
