"""Runs a program and watches its memory: peak RSS from the kernel, peak anonymous memory by looking often."""

import dataclasses
import os
import subprocess
import tempfile
import threading
import time


@dataclasses.dataclass
class Finished:
    stdout: str
    stderr: str
    wall_ms: float
    peak_rss: int   # bytes; mapped file pages that were touched count
    peak_anon: int  # bytes; the largest seen, looked at every 2 ms


class _AnonWatch(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.peak, self.done = f"/proc/{pid}/status", 0, threading.Event()

    def run(self):
        while not self.done.wait(0.002):
            try:
                with open(self.path) as status:
                    for line in status:
                        if line.startswith("RssAnon:"):
                            self.peak = max(self.peak, int(line.split()[1]) * 1024)
            except OSError:
                return


def run(command, environment=None):
    """Raises SystemExit with the program's own words if it fails."""
    command = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        watch = _AnonWatch(process.pid)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_ms = (time.perf_counter() - start) * 1000
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.done.set()
        watch.join()
        out.seek(0)
        err.seek(0)
        stdout, stderr = (stream.read().decode(errors="replace") for stream in (out, err))
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}\n{stderr[-2000:]}")
    return Finished(stdout, stderr, wall_ms, usage.ru_maxrss * 1024, watch.peak)
