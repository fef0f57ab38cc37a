"""G20: decoding processes are killed while they work: only what was in them is lost."""

import os
import random
import signal
import threading
import time
from contextlib import suppress

from search_engine.errors import WorkerLostError
from search_engine.images import ImageLimits, Preprocessing
from search_engine.images.decode_pool import DecodePool
from tests.images.pictures import jpeg
from tests.torture.goals import Goal, Reached, tries

WORKERS = 2
PAUSE_S = 0.05
SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")


def kill_decoders(scale: float, seed: int) -> Reached:
    """Kill processes at random moments while threads keep all of them busy."""
    wanted = tries(1_000, scale, at_least=5)
    chosen = random.Random(seed)
    done, lost, others = 0, 0, 0
    stop = threading.Event()
    photo = jpeg()
    with DecodePool(ImageLimits(), WORKERS) as pool:
        pool.check()

        def decode() -> None:
            nonlocal done, lost, others
            while not stop.is_set():
                try:
                    pool.decode(photo, SQUASH)
                    done += 1
                except WorkerLostError:
                    lost += 1
                except Exception:  # noqa: BLE001 - that is what is counted
                    others += 1

        threads = [threading.Thread(target=decode) for _ in range(WORKERS)]
        for each in threads:
            each.start()
        for _ in range(wanted):
            time.sleep(PAUSE_S * chosen.random())
            with suppress(ProcessLookupError):
                os.kill(chosen.choice(pool.pids), signal.SIGKILL)
        stop.set()
        for each in threads:
            each.join()
        pool.check()
        refilled = len(pool.pids) == WORKERS
    ok = refilled and others == 0 and lost <= wanted and done > 0
    told = f"{wanted:,} kills: {lost} of {done + lost:,} requests lost, {others} other errors"
    return Reached(ok, told)


GOALS = [Goal("G20", "1,000 kills: only what was in a killed process is lost", kill_decoders)]
