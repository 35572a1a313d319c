"""PyTorch's times for the rows of OnDevice.fs, eager and compiled, on one CUDA device: python3 onDevice.py"""
import time

import torch
from torch import nn

device = torch.device("cuda")


def timed(title, run, warm=3):
    for _ in range(warm):
        run()
    torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    torch.cuda.synchronize()
    times = max(2, min(1000, int(1.0 / max(time.perf_counter() - start, 1e-6))))
    start = time.perf_counter()
    for _ in range(times):
        run()
    torch.cuda.synchronize()
    print(f"{title:<64} {(time.perf_counter() - start) / times * 1e3:12.4f} ms", flush=True)


def both(title, make):
    for kind, wrap in (("eager", lambda f: f), ("torch.compile", torch.compile)):
        try:
            timed(f"{title}, {kind}", make(wrap))
        except Exception as error:
            print(f"{title}, {kind}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)


def gradient(count):
    def make(wrap):
        x = torch.randn(count, device=device, requires_grad=True)
        f = wrap(lambda x: (torch.sin(x) * torch.exp(-x * x)).sum())
        return lambda: torch.autograd.grad(f(x), x)

    both(f"gradient of sum(sin x exp(-x^2)), {count} float32", make)


def training(title, net, example, batch, dtype):
    def make(wrap):
        model = wrap(net().to(device))
        optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
        x = torch.randn(batch, *example, device=device)
        y = torch.zeros(batch, dtype=torch.long, device=device)

        def step():
            with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
                logits = model(x)
            loss = nn.functional.cross_entropy(logits.float(), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

        return step

    both(f"{title}, batch {batch}, {str(dtype)[6:]}", make)


def perceptron():
    return nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(16, 120, 5), nn.Tanh(),
        nn.Flatten(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


def resnet18():
    import torchvision

    return torchvision.models.resnet18()


def rows(title, f, *shape):
    def make(wrap):
        x = torch.randn(*shape, device=device)
        g = wrap(f)
        return lambda: g(x)

    both(f"{title} of {shape[0]} rows of {shape[1]}", make)


def product(size, dtype):
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    timed(f"matrix product, {size} by {size}, {str(dtype)[6:]}", lambda: a @ b)


def branches(size):
    def make(wrap):
        x = torch.randn(size, size, device=device)
        w = [torch.randn(size, size, device=device) for _ in range(4)]
        f = wrap(lambda x, w: sum(x @ v @ v for v in w))
        return lambda: f(x, w)

    both(f"four branches of two products, {size} by {size} float32", make)


def decomposed(title, f, size):
    x = torch.randn(size, size, device=device, dtype=torch.float64)
    a = x @ x.T + torch.eye(size, device=device, dtype=torch.float64)
    timed(f"{title}, {size} by {size} float64", lambda: f(a))


def update(count):
    def make(wrap):
        p = torch.randn(count, device=device, requires_grad=True)
        p.grad = torch.randn(count, device=device)
        return torch.optim.Adam([p], 1e-3, fused=True).step

    timed(f"Adam update of {count} parameters, fused", make(None))


def transformer(dtype):
    def make(wrap):
        block = nn.TransformerEncoderLayer(1024, 16, 4096, 0.0, "gelu", batch_first=True, norm_first=True).to(device, dtype)
        f = wrap(block)
        x = torch.randn(8, 1024, 1024, device=device, dtype=dtype)
        parameters = list(block.parameters())
        return lambda: torch.autograd.grad(f(x).float().sum(), parameters)

    both(f"transformer block forward and backward, 8 x 1024 x 1024, {str(dtype)[6:]}", make)


def chain():
    x = torch.randn(10, device=device)

    def run():
        y = x
        for _ in range(1000):
            y = torch.sin(y)

    timed("1000 operations on 10 elements, eager", run)


print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}")
gradient(100_000_000)
rows("softmax", lambda x: torch.softmax(x, 1), 65_536, 1024)
rows("layer normalization", lambda x: nn.functional.layer_norm(x, (1024,)), 65_536, 1024)
product(1024, torch.float32)
product(4096, torch.float32)
product(8192, torch.bfloat16)
branches(256)
decomposed("Cholesky decomposition", torch.linalg.cholesky, 4096)
decomposed("eigenvalues and eigenvectors", torch.linalg.eigh, 1024)
for size in (128, 4096):
    training("step of a perceptron 784, 1024, 1024, 10", perceptron, (784,), size, torch.float32)
training("step of LeNet-5", lenet, (1, 32, 32), 256, torch.float32)
for tf32 in (False, True):
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    training(f"step of ResNet-18{' with TF32' if tf32 else ''}", resnet18, (3, 224, 224), 128, torch.float32)
training("step of ResNet-18", resnet18, (3, 224, 224), 128, torch.bfloat16)
update(100_000_000)
for kind in (torch.float32, torch.bfloat16):
    transformer(kind)
chain()
