"""``python -m tests.simulation --seeds 0:2000 --jobs 2``."""

import sys
import time

from tests.simulation.judge import reader
from tests.simulation.world import simulate

first, last = map(int, sys.argv[1].split(":"))
from tests.simulation.life import warm
warm()
db = reader()
t = time.perf_counter()
from collections import Counter
total = Counter()
for seed in range(first, last):
    o = simulate(seed, db)
    total += o.counts
    if o.wrong:
        print("seed", seed, o.wrong[:1500])
        if "-v" in sys.argv:
            print("\n".join(o.trace[-60:]))
print(total, time.perf_counter() - t)
