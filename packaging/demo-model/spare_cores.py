"""How many threads to train with when the machine is shared: as many cores as the others leave."""
import os
import time
from pathlib import Path

import torch


def _busy_seconds() -> float:
    fields = [int(part) for part in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


class SpareCores:
    def __init__(self) -> None:
        self.cores = os.cpu_count() or 1
        self._note()

    def _note(self) -> None:
        self.seen, self.busy, self.own = time.time(), _busy_seconds(), time.process_time()

    def adjust(self) -> int:
        """Sets torch's threads after what others used since the last call; at least one."""
        passed = time.time() - self.seen
        others = ((_busy_seconds() - self.busy) - (time.process_time() - self.own)) / max(passed, 0.1)
        self._note()
        threads = max(1, min(self.cores, round(self.cores - others + 0.2)))
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)
        return threads
