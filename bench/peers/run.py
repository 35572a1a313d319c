#!/usr/bin/env python3
"""Times the same work in PyTorch and here, turn by turn, and prints medians and their ratios. Takes a part of a workload's name.

Needs a built Peers.fsproj (run.sh does that) and PyTorch; tuned with the fastest OpenMP BLAS and tcmalloc where the system has them."""

import argparse
import glob
import os
import statistics
import subprocess
import sys
import time

WORK = [
    ("gradient of sum(sin x exp(-x^2)), 1e5", "chain 100000"),
    ("gradient of sum(sin x exp(-x^2)), 1e6", "chain 1000000"),
    ("gradient of sum(sin x exp(-x^2)), 1e7", "chain 10000000"),
    ("gradient of Rosenbrock, 100", "rosenbrock 100"),
    ("gradient of Rosenbrock, 1e6", "rosenbrock 1000000"),
    ("matrix product, 256", "gemm 256"),
    ("matrix product, 512", "gemm 512"),
    ("matrix product, 1024", "gemm 1024"),
    ("softmax, 1024 x 1000", "softmax"),
    ("training step 784-256-128-10, batch 128, SGD", "mlp"),
    ("LeNet, training step, batch 32, SGD", "lenet"),
    ("ResNet-8, training step, batch 32 of 3 x 32 x 32, SGD with momentum", "resnet8"),
    ("sum, 4e7", "sum 40000000"),
]


def peer(milliseconds, threads):
    """PyTorch's side: reads the names of workloads and answers each with a time."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)

    def gradient(f, n):
        x = torch.linspace(-1, 1, n).requires_grad_(True)

        def run():
            x.grad = None
            f(x).backward()

        return run

    def rosenbrock(x):
        a, b = x[1:], x[:-1]
        return (100.0 * (a - b * b) ** 2 + (1.0 - b) ** 2).sum()

    def without_gradient(f):
        def run():
            with torch.no_grad():
                f()

        return run

    def mlp():
        sizes = [784, 256, 128, 10]
        layers = []
        for m, n in zip(sizes, sizes[1:]):
            layers += [torch.nn.Linear(m, n), torch.nn.ReLU()]
        net = torch.nn.Sequential(*layers[:-1])
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        x, y = torch.rand(128, 784) * 2 - 1, torch.arange(128) % 10

        def run():
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(net(x), y).backward()
            optimizer.step()

        return run

    def training(net, x, optimizer):
        y = torch.arange(x.shape[0]) % 10

        def run():
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(net(x), y).backward()
            optimizer.step()

        return run

    def lenet():
        nn = torch.nn
        net = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
        return training(net, torch.rand(32, 1, 28, 28) * 2 - 1, torch.optim.SGD(net.parameters(), lr=0.001))

    def resnet8():
        nn = torch.nn

        class Block(nn.Module):
            def __init__(self, i, o, s):
                super().__init__()
                self.c1, self.b1 = nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o)
                self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
                same = i == o and s == 1
                self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), nn.BatchNorm2d(o))

            def forward(self, x):
                h = F.relu(self.b1(self.c1(x)))
                return F.relu(self.b2(self.c2(h)) + self.shortcut(x))

        net = nn.Sequential(
            nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
        return training(net, torch.rand(32, 3, 32, 32) * 2 - 1, torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9))

    def workload(name):
        kind, *rest = name.split()
        n = int(rest[0]) if rest else 0
        if kind == "chain":
            return gradient(lambda x: (torch.sin(x) * torch.exp(-x * x)).sum(), n)
        if kind == "rosenbrock":
            return gradient(rosenbrock, n)
        if kind == "gemm":
            a, b = torch.rand(n, n), torch.rand(n, n)
            return without_gradient(lambda: a @ b)
        if kind == "softmax":
            x = torch.rand(1024, 1000)
            return without_gradient(lambda: torch.softmax(x, -1))
        if kind == "lenet":
            return lenet()
        if kind == "resnet8":
            return resnet8()
        if kind == "sum":
            x = torch.ones(n)
            return without_gradient(x.sum)
        return mlp()

    def median(limit, run):
        times, start = [], time.perf_counter()
        while time.perf_counter() - start < limit / 1000 or len(times) < 5:
            before = time.perf_counter()
            run()
            times.append((time.perf_counter() - before) * 1000)
        return statistics.median(times)

    print(f"{torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    current, run = None, None
    for line in sys.stdin:
        if line != current:
            current, run = line, workload(line.strip())
            median(3 * milliseconds, run)
        print(median(milliseconds, run), flush=True)


PROBE = """
import time, torch
a = torch.ones(512, 512)
for _ in range(20): a @ a
times = []
for _ in range(20):
    start = time.perf_counter(); a @ a; times.append(time.perf_counter() - start)
print(sorted(times)[10])
"""


def tuned(same):
    """The environment with the BLAS that is fastest on this machine, and the faster allocator, with the BLAS's name; or None."""
    malloc = glob.glob("/usr/lib/*/libtcmalloc_minimal.so.4")

    def seconds(folder):
        probe = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False, env={**os.environ, **same, "LD_LIBRARY_PATH": folder})
        return float(probe.stdout) if probe.returncode == 0 else float("inf")

    folders = [os.path.dirname(f) for f in glob.glob("/usr/lib/*/*-openmp/libblas.so.3")]
    if not folders or not malloc:
        return None
    folder = min(folders, key=seconds)
    return os.path.basename(folder), {
        "LD_LIBRARY_PATH": folder, "LD_PRELOAD": malloc[0], "TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD": "100000000000"}


def quiet(limit=20):
    """Waits, but not for ever, until nobody else keeps the processors busy: spinning threads suffer most from company."""

    def busy():
        with open("/proc/stat", encoding="ascii") as stat:
            times = [int(t) for t in stat.readline().split()[1:9]]
        return sum(times) - times[3] - times[4], sum(times)

    end = time.monotonic() + limit
    while os.path.exists("/proc/stat") and time.monotonic() < end:
        before, all_before = busy()
        time.sleep(0.2)
        after, all_after = busy()
        if after - before <= 0.1 * (all_after - all_before):
            return


class Side:
    """A process that answers names of workloads with times."""

    def __init__(self, name, command, environment):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env={**os.environ, **environment})
        self.version = self.process.stdout.readline().strip()

    def time(self, work):
        self.process.stdin.write(work + "\n")
        return float(self.process.stdout.readline())


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("filter", nargs="?", default="")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--milliseconds", type=float, default=200)
    options.add_argument("--quiet", type=float, default=20, help="seconds to wait at most for quiet before a turn")
    options.add_argument("--threads", type=int, default=os.cpu_count())
    options.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.peer:
        peer(chosen.milliseconds, chosen.threads)
        return

    if subprocess.run([sys.executable, "-c", "import torch"], capture_output=True, check=False).returncode != 0:
        print("PyTorch is not installed here (on Debian: apt-get install python3-torch libopenblas0-openmp libblis4-openmp libtcmalloc-minimal4); nothing was compared.")
        return

    threads = str(chosen.threads)
    here = os.path.dirname(os.path.abspath(__file__))
    ours = ["dotnet", "exec", os.path.join(here, "bin", "Release", "net10.0", "Peers.dll"), str(chosen.milliseconds)]
    theirs = [sys.executable, os.path.abspath(__file__), "--peer", "--milliseconds", str(chosen.milliseconds), "--threads", threads]
    same = {"OMP_NUM_THREADS": threads, "BLIS_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    sides = [Side("ours", ours, {"DOTNET_PROCESSOR_COUNT": threads}), Side("PyTorch", theirs, same)]
    better = tuned(same)
    if better:
        name, environment = better
        print(f"tuned with {name} and tcmalloc")
        sides.append(Side("PyTorch, tuned", theirs, {**same, **environment}))

    for side in sides:
        print(f"{side.name}: {side.version}")
    print("\n| work, float32, ms | " + " | ".join(s.name for s in sides) + " | " + " | ".join(f"{s.name} / ours" for s in sides[1:]) + " |")
    print("| --- |" + " ---: |" * (2 * len(sides) - 1))
    for name, work in WORK:
        if chosen.filter not in name:
            continue
        times = [[] for _ in sides]
        for turn in range(chosen.rounds):
            order = range(len(sides)) if turn % 2 == 0 else reversed(range(len(sides)))
            for i in order:
                quiet(chosen.quiet)
                times[i].append(sides[i].time(work))
        medians = [statistics.median(t) for t in times]
        cells = [f"{m:.4g}" for m in medians] + [f"{m / medians[0]:.2f}" for m in medians[1:]]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
