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
    ("gradient of Rosenbrock, 100, without jit", "plainRosenbrock 100"),
    ("gradient of Rosenbrock, 1e6", "rosenbrock 1000000"),
    ("Hessian of Rosenbrock, 50", "hessian 50"),
    ("Hessian of Rosenbrock, 200", "hessian 200"),
    ("Hessian of Rosenbrock times vector, 1e6", "hvp 1000000"),
    ("matrix product, 256", "gemm 256 256 256 nn float32"),
    ("matrix product, 512", "gemm 512 512 512 nn float32"),
    ("matrix product, 1024", "gemm 1024 1024 1024 nn float32"),
    ("matrix product, 2048", "gemm 2048 2048 2048 nn float32"),
    ("matrix product, 512, second transposed", "gemm 512 512 512 nt float32"),
    ("matrix product, 512, first transposed", "gemm 512 512 512 tn float32"),
    ("matrix product, 128 x 784 x 256", "gemm 128 784 256 nn float32"),
    ("matrix product, 128 x 784 x 256, second transposed", "gemm 128 784 256 nt float32"),
    ("matrix product, 784 x 128 x 256, first transposed", "gemm 784 128 256 tn float32"),
    ("matrix product, 512, float64", "gemm 512 512 512 nn float64"),
    ("matrix product, 1024, float64", "gemm 1024 1024 1024 nn float64"),
    ("softmax, 1024 x 1000", "softmax"),
    ("gradient of layer norm, 1024 x 1024", "layerNorm"),
    ("training step 784-256-128-10, batch 128, SGD", "mlp sgd"),
    ("training step 784-256-128-10, batch 128, Adam", "mlp adam"),
    ("LeNet, training step, batch 32, SGD", "lenet"),
    ("ResNet-8, training step, batch 32 of 3 x 32 x 32, SGD with momentum", "resnet8"),
    ("gradients of each sample, 784-256-128-10, batch 128", "perSample"),
    ("training step LSTM 128, 50 steps, batch 32, SGD", "lstm"),
    ("Adam's update of 1e7 parameters", "adam 10000000"),
    ("100,000 additions of 10 elements, without jit", "additions 100000"),
    ("gradient of 1000 operations on 10 elements", "operations 1000"),
    ("gradient of 1000 operations on 10 elements, without jit", "plainOperations 1000"),
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

    def network():
        sizes = [784, 256, 128, 10]
        layers = []
        for m, n in zip(sizes, sizes[1:]):
            layers += [torch.nn.Linear(m, n), torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1]), torch.rand(128, 784) * 2 - 1, torch.arange(128) % 10

    def training(parameters, loss, name):
        optimizer = {
            "sgd": lambda: torch.optim.SGD(parameters, lr=1e-3),
            "momentum": lambda: torch.optim.SGD(parameters, lr=1e-3, momentum=0.9),
            "adam": lambda: torch.optim.Adam(parameters, lr=1e-3)}[name]()

        def run():
            optimizer.zero_grad(set_to_none=True)
            loss().backward()
            optimizer.step()

        return run

    def classifier(net, x, name):
        y = torch.arange(x.shape[0]) % 10
        return training(net.parameters(), lambda: F.cross_entropy(net(x), y), name)

    def lenet():
        nn = torch.nn
        net = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
        return classifier(net, torch.rand(32, 1, 28, 28) * 2 - 1, "sgd")

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
        return classifier(net, torch.rand(32, 3, 32, 32) * 2 - 1, "momentum")

    def mlp(name):
        net, x, y = network()
        return training(net.parameters(), lambda: F.cross_entropy(net(x), y), name)

    def per_sample():
        import functorch

        net, x, y = network()
        f, weights = functorch.make_functional(net)
        one = functorch.grad(lambda w, x, y: F.cross_entropy(f(w, x[None]), y[None]))
        all_of_them = functorch.vmap(one, (None, 0, 0))
        return lambda: all_of_them(weights, x, y)

    def lstm():
        net, x = torch.nn.LSTM(128, 128), torch.rand(50, 32, 128) * 2 - 1
        return training(net.parameters(), lambda: net(x)[0].square().mean(), "sgd")

    def adam(n):
        x = torch.rand(n).requires_grad_(True)
        x.grad = torch.rand(n)
        return torch.optim.Adam([x], lr=1e-3).step

    def layer_norm(x):
        centred = x - x.mean(-1, keepdim=True)
        return (centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()).pow(3).sum()

    def operations(n):
        def f(x):
            y = x
            for i in range(n):
                y = y * x if i % 2 == 0 else y + x
            return y.sum()

        return f

    def additions(n):
        x = torch.rand(10)

        def run():
            y = x
            for _ in range(n):
                y = y + x

        return run

    def hessian(n):
        x = torch.linspace(-1, 1, n)
        return lambda: torch.autograd.functional.hessian(rosenbrock, x, vectorize=True)

    def hvp(n):
        x = torch.linspace(-1, 1, n)
        return lambda: torch.autograd.functional.hvp(rosenbrock, x, x)

    def workload(name):
        kind, *rest = name.split()
        n = int(rest[0]) if rest and rest[0].isdigit() else 0
        if kind == "chain":
            return gradient(lambda x: (torch.sin(x) * torch.exp(-x * x)).sum(), n)
        if kind in ("rosenbrock", "plainRosenbrock"):
            return gradient(rosenbrock, n)
        if kind == "gemm":
            m, k, n, order, dtype = int(rest[0]), int(rest[1]), int(rest[2]), rest[3], getattr(torch, rest[4])
            a = torch.rand(k, m, dtype=dtype).t() if order == "tn" else torch.rand(m, k, dtype=dtype)
            b = torch.rand(n, k, dtype=dtype).t() if order == "nt" else torch.rand(k, n, dtype=dtype)
            return without_gradient(lambda: a @ b)
        if kind == "softmax":
            x = torch.rand(1024, 1000)
            return without_gradient(lambda: torch.softmax(x, -1))
        if kind == "sum":
            x = torch.ones(n)
            return without_gradient(x.sum)
        if kind == "layerNorm":
            x = torch.rand(1024, 1024).requires_grad_(True)
            return lambda: torch.autograd.grad(layer_norm(x), x)
        if kind in ("operations", "plainOperations"):
            return gradient(operations(n), 10)
        if kind == "mlp":
            return mlp(rest[0])
        return {
            "perSample": per_sample, "lstm": lstm, "lenet": lenet, "resnet8": resnet8, "adam": lambda: adam(n), "additions": lambda: additions(n),
            "hessian": lambda: hessian(n), "hvp": lambda: hvp(n)}[kind]()

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
    print("\n| work, float32 unless said, ms | " + " | ".join(s.name for s in sides) + " | " + " | ".join(f"{s.name} / ours" for s in sides[1:]) + " |")
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
