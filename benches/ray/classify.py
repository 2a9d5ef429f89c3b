"""Classifies Parquet files of cells with two actors of one core each, and perhaps kills one midway.

    classify.py FOLDER OUT MODEL [--kill-after ROWS]

Prints a line of JSON: seconds, without Ray's own start, rows, images a second, actors killed, and the most
memory that an actor held.
"""

import argparse
import json
import os
import signal
import threading
import time
from pathlib import Path

import ray

from hema_blood.ray import Classify


def actors() -> list[int]:
    """Process numbers of the actors that classify."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if words.startswith(b"ray::") and b"Classify" in words:
                found.append(int(process.name))
    return found


def resident(pid: int) -> int:
    """Bytes of memory that are a process's own."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    own = [line for line in status.splitlines() if line.startswith("RssAnon")]
    return int(own[0].split()[1]) * 1024 if own else 0


class Watch(threading.Thread):
    """Watches the actors, and kills one after so many seconds of their work."""

    def __init__(self, kill_after: float | None) -> None:
        super().__init__(daemon=True)
        self.kill_after, self.killed, self.largest, self.begun = kill_after, [], 0, None

    def run(self) -> None:
        while True:
            running = actors()
            self.largest = max([self.largest, *map(resident, running)])
            if len(running) >= 2 and self.begun is None:
                self.begun = time.monotonic()
            due = self.begun is not None and self.kill_after and time.monotonic() - self.begun > self.kill_after
            if due and not self.killed:
                self.killed.append(running[0])
                os.kill(running[0], signal.SIGKILL)
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("model")
    parser.add_argument("--kill-after", type=float, metavar="SECONDS")
    args = parser.parse_args()
    # one for reading and writing beside those of the actors: with none left these wait for ever
    ray.init(num_cpus=3, include_dashboard=False, object_store_memory=400_000_000, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    watch = Watch(args.kill_after)
    watch.start()
    start = time.monotonic()
    ray.data.read_parquet(args.folder).map_batches(
        Classify,
        fn_constructor_kwargs={"model": args.model, "column": "image"},
        batch_size=250,
        compute=ray.data.ActorPoolStrategy(size=2),
        num_cpus=1,
    ).write_parquet(args.out)
    seconds = time.monotonic() - start
    rows = ray.data.read_parquet(args.out).count()
    print(
        json.dumps(
            {
                "seconds": round(seconds, 1),
                "rows": rows,
                "images_per_second": round(rows / seconds, 1),
                "killed": len(watch.killed),
                "actor_memory_mb": round(watch.largest / 1e6),
            }
        )
    )


if __name__ == "__main__":
    main()
