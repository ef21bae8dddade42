"""Threads at once: ``python tests/support/hammer_threads.py [--seconds N] [--threads N] [--seed S]``.

Each thread calls functions that all share, at many sizes, by bound calls and forks too, and compiles, plans under
limits and pickles its own; finalizers call the same functions from within the collector, a timer's signal from within
calls on the main thread, which forks children that call too. Every number is compared, and every update counted.
"""

import argparse
import faulthandler
import gc
import os
import pickle
import random
import signal
import sys
import threading
import time

import numpy as np

import graphdiff as gd


class Shared:
    """Functions that all threads use, and what they must give."""

    def __init__(self):
        x, s = gd.input("x", shape=("n", 4)), gd.input("s")
        self.plain = gd.compile([x, s], [gd.sum(x * s), gd.cumsum(x, axis=0)])
        loop = gd.scan(lambda c, row: (c * 0.5 + row, c), gd.sum(x, axis=0), x)[1]
        self.loop = gd.compile([x], gd.sum(loop))
        self.count = gd.state("count", np.int64(0))
        self.w = gd.parameter("w", np.zeros(500))
        spread = gd.max(self.w) - gd.min(self.w)
        self.step = gd.compile([x], [gd.sum(x), spread], updates={self.count: self.count + 1, self.w: self.w + 1})
        h = x
        for _ in range(12):
            h = gd.tanh(gd.cumsum(h, axis=0))
        self.deep = gd.compile([x], gd.grad(gd.sum(h), x), costs="nominal", plan_seconds=0.05)
        self.sizes = [1, 2, 3, 7, 50, 400]
        self.feeds = {n: np.random.default_rng(n).integers(-3, 4, (n, 4)).astype(np.float32) for n in self.sizes}
        self.want = {
            n: (float(feed.sum()), np.cumsum(feed, axis=0), float(self.loop(feed)), self.deep(feed))
            for n, feed in self.feeds.items()
        }
        self.stepped = 0
        self.lock = threading.RLock()  # a handler may come while its thread has it

    def call(self, n, s=2.0):
        total, sums = self.plain(self.feeds[n], s)
        assert float(total) == s * self.want[n][0] and np.array_equal(sums, self.want[n][1])


class Cycle:
    """Freed by the collector alone, wherever that runs: it calls a shared function then."""

    def __init__(self, shared, n, wrong):
        self.me, self.shared, self.n, self.wrong = self, shared, n, wrong

    def __del__(self):
        try:
            self.shared.call(self.n, 3.0)
        except BaseException as e:
            self.wrong.append(repr(e))


def once(shared, rng, wrong):
    """One thing that a user's thread does."""
    n = rng.choice(shared.sizes)
    feed = shared.feeds[n]
    what = rng.randrange(9)
    if what < 2:
        shared.call(n)
    elif what == 2:
        assert float(shared.loop(feed)) == shared.want[n][2]
    elif what == 3:
        total, spread = rng.choice([shared.step, shared.step.fork()])(feed)
        with shared.lock:
            shared.stepped += 1
        assert float(total) == shared.want[n][0] and float(spread) == 0
    elif what == 4:
        bound = shared.plain.bind(x=feed, s=np.full((), 2, np.float32))
        bound()
        assert float(bound.out[0]) == 2 * shared.want[n][0]
    elif what == 5:
        x = gd.input("x", shape=("n", 4))
        k = rng.randrange(1, 6)
        y = x
        for _ in range(k):
            y = y * 2 + 1
        f = gd.compile([x], gd.grad(gd.sum(y), x))
        assert (f(feed) == 2**k).all()
        if rng.random() < 0.3:
            assert (pickle.loads(pickle.dumps(f))(feed) == 2**k).all()
    elif what == 6:
        small = shared.deep.within(rng.choice([1 << 20, "64kB", 1 << 14]))
        try:
            assert np.array_equal(small(feed), shared.want[n][3])
        except gd.MemoryLimitError:
            pass
    elif what == 7:
        Cycle(shared, n, wrong)
        if rng.random() < 0.1:
            gc.collect()
    else:
        gd.set_num_threads(rng.randrange(1, 5))


def child(shared):
    """In a forked child, none of whose parent's other threads are there."""
    status = 1
    try:
        signal.alarm(60)
        for n in shared.sizes[:3]:
            shared.call(n)
            assert np.array_equal(shared.deep.within(1 << 20)(shared.feeds[n]), shared.want[n][3])
        shared.step(shared.feeds[1])
        gd.set_num_threads(2)
        shared.call(400)
        status = 0
    finally:
        os._exit(status)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faulthandler.enable()
    faulthandler.dump_traceback_later(options.seconds + 120, exit=True)  # a deadlock shows where
    shared, wrong, done, rung = Shared(), [], [0] * options.threads, [0]
    end = time.monotonic() + options.seconds

    def run(k):
        rng = random.Random(1000 * options.seed + k)
        while time.monotonic() < end and not wrong:
            try:
                once(shared, rng, wrong)
                done[k] += 1
            except BaseException as e:
                wrong.append(f"{type(e).__name__}: {e}")

    ringing = []

    def ring(*_):
        if ringing:  # the handler is slower than the timer: it would run within itself, ever deeper
            return
        ringing.append(True)
        try:
            shared.call(7, 5.0)
            shared.step(shared.feeds[7])
            with shared.lock:
                shared.stepped += 1
        except gd.BusyError:  # a run of the step is under way on this very thread
            pass
        finally:
            ringing.clear()
        rung[0] += 1

    threads = [threading.Thread(target=run, args=(k,)) for k in range(1, options.threads)]
    for t in threads:
        t.start()
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    rng, forks = random.Random(options.seed), 0
    while time.monotonic() < end and not wrong:
        try:
            once(shared, rng, wrong)
            done[0] += 1
            if rng.random() < 0.02:
                pid = os.fork()
                if pid == 0:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    signal.signal(signal.SIGALRM, signal.SIG_DFL)
                    child(shared)
                forks += 1
                if os.waitpid(pid, 0)[1] != 0:
                    wrong.append("a forked child failed or hung")
        except BaseException as e:
            wrong.append(f"{type(e).__name__}: {e}")
    signal.setitimer(signal.ITIMER_REAL, 0)
    for t in threads:
        t.join()
    gc.collect()
    if int(shared.count.value) != shared.stepped or not (shared.w.value == shared.stepped).all():
        wrong.append(f"{shared.stepped} steps, counted {shared.count.value}, w from {shared.w.value.min()}")
    print(f"{sum(done)} actions on {options.threads} threads, {forks} forks, {rung[0]} signals, {shared.stepped} steps")
    print("\n".join(wrong) or "none wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
