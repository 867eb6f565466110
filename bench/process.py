"""Runs a program and watches its memory: peak RSS from the kernel, peak anonymous memory by looking often."""

import dataclasses
import os
import resource
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


class _MemoryWatch(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.peak_anon, self.peak_rss, self.done = f"/proc/{pid}/status", 0, 0, threading.Event()

    def run(self):
        while not self.done.wait(0.002):
            try:
                with open(self.path) as status:
                    for line in status:
                        if line.startswith("RssAnon:"):
                            self.peak_anon = max(self.peak_anon, int(line.split()[1]) * 1024)
                        elif line.startswith("VmHWM:"):
                            self.peak_rss = int(line.split()[1]) * 1024
            except OSError:
                return


def run(command, environment=None):
    """Raises SystemExit with the program's own words if it fails."""
    command = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        watch = _MemoryWatch(process.pid)
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
    # A started program inherits the peak of who started it: the kernel's figure counts where it is above ours.
    above_ours = usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Finished(stdout, stderr, wall_ms, usage.ru_maxrss * 1024 if above_ours else watch.peak_rss, watch.peak_anon)
