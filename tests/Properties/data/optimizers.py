"""Writes optimizers.tsv: where optimizers go in 1,000 steps, in double, by PyTorch (where it has the same recurrence) or by the published recurrences in
plain numpy, independent of the library that is tested. The two leaves are a vector of 3 and a matrix of 2 by 3; the gradient at p in step t = 0, 1, ... is
h p + cos(0.7 t + i) / 2, with h from 0.5 to 2 and i the number of the element.

    python3 optimizers.py > optimizers.tsv
"""

import math
import numpy as np
import torch

STEPS = 1000
SHOWN = [1, 2, 3, 10, 100, 1000]
START = [np.array([1.0, -2.0, 0.5]), np.array([[0.3, -0.7, 1.1], [-1.3, 0.9, 0.2]])]
SCALE = [np.linspace(0.5, 2.0, 3), np.linspace(0.5, 2.0, 6).reshape(2, 3)]
PLACE = [np.arange(3.0), np.arange(6.0).reshape(2, 3)]


def gradient(p, t):
    return [SCALE[k] * p[k] + 0.5 * np.cos(0.7 * t + PLACE[k]) for k in range(2)]


def show(name, source, trajectory, until=STEPS):
    for step in [step for step in SHOWN if step <= until]:
        values = np.concatenate([leaf.ravel() for leaf in trajectory[step]])
        print("\t".join([name, source, str(step)] + [repr(float(v)) for v in values]))


def by_torch(name, make):
    p = [torch.tensor(leaf.copy(), dtype=torch.float64, requires_grad=True) for leaf in START]
    optimizer = make(p)
    trajectory = [None]
    for t in range(STEPS):
        for leaf, g in zip(p, gradient([leaf.detach().numpy() for leaf in p], t)):
            leaf.grad = torch.tensor(g)
        optimizer.step()
        trajectory.append([leaf.detach().numpy().copy() for leaf in p])
    show(name, "PyTorch " + torch.__version__, trajectory)


def by_recurrence(name, source, rate, update, until=STEPS):
    """`update(g, state, p, t)` gives what is subtracted, times the rate; state is a dictionary for each leaf."""
    p = [leaf.copy() for leaf in START]
    states = [{}, {}]
    trajectory = [None]
    for t in range(1, STEPS + 1):
        g = gradient(p, t - 1)
        p = [p[k] - rate * update(g[k], states[k], p[k], t) for k in range(2)]
        trajectory.append(p)
    show(name, source, trajectory, until)


def ema(state, key, decay, x):
    state[key] = decay * state.get(key, np.zeros_like(x)) + (1 - decay) * x
    return state[key]


def hat(m, decay, t):
    return m / (1 - decay**t)


def adam(g, s, p, t, b1=0.9, b2=0.999, eps=1e-8):
    return hat(ema(s, "m", b1, g), b1, t) / (np.sqrt(hat(ema(s, "v", b2, g * g), b2, t)) + eps)


def nadam(g, s, p, t, b1=0.9, b2=0.999, eps=1e-8):
    m, v = ema(s, "m", b1, g), ema(s, "v", b2, g * g)
    ahead = b1 * hat(m, b1, t + 1) + (1 - b1) * hat(g, b1, t)
    return ahead / (np.sqrt(hat(v, b2, t)) + eps)


def amsgrad(g, s, p, t, b1=0.9, b2=0.999, eps=1e-8):
    m, v = ema(s, "m", b1, g), ema(s, "v", b2, g * g)
    s["most"] = np.maximum(s.get("most", 0.0), hat(v, b2, t))
    return hat(m, b1, t) / (np.sqrt(s["most"]) + eps)


def adabelief(g, s, p, t, b1=0.9, b2=0.999, eps=1e-16):
    m = ema(s, "m", b1, g)
    s["v"] = ema(s, "v", b2, (g - m) ** 2) + eps
    return hat(m, b1, t) / (np.sqrt(hat(s["v"], b2, t)) + eps)


def yogi(g, s, p, t, b1=0.9, b2=0.999, eps=1e-3):
    m = b1 * s.get("m", np.full_like(g, 1e-6)) + (1 - b1) * g
    v = s.get("v", np.full_like(g, 1e-6))
    v = v - (1 - b2) * np.sign(v - g * g) * g * g
    s["m"], s["v"] = m, v
    return hat(m, b1, t) / (np.sqrt(hat(v, b2, t)) + eps)


def radam(g, s, p, t, b1=0.9, b2=0.999, eps=1e-8):
    m, v = hat(ema(s, "m", b1, g), b1, t), hat(ema(s, "v", b2, g * g), b2, t)
    most = 2 / (1 - b2) - 1
    rho = most - 2 * t * b2**t / (1 - b2**t)
    if rho < 5:
        return m
    r = math.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
    return r * m / (np.sqrt(v) + eps)


def rms(g, s, p, t, decay=0.9, eps=1e-8):
    return g / np.sqrt(ema(s, "v", decay, g * g) + eps)


def centred(g, s, p, t, decay=0.95, eps=1e-4):
    m, v = ema(s, "m", decay, g), ema(s, "v", decay, g * g)
    s["u"] = 0.9 * s.get("u", 0.0) + g / np.sqrt(v - m * m + eps)
    return s["u"]


def adagrad(g, s, p, t, eps=1e-7):
    s["s"] = s.get("s", np.full_like(g, 0.1)) + g * g
    return g / np.sqrt(s["s"] + eps)


def adan(g, s, p, t, b1=0.98, b2=0.92, b3=0.99, eps=1e-8):
    change = g - s["last"] if t > 1 else np.zeros_like(g)
    s["last"] = g
    m, d = ema(s, "m", b1, g), ema(s, "d", b2, change)
    n = ema(s, "n", b3, (g + b2 * change) ** 2)
    return (hat(m, b1, t) + b2 * hat(d, b2, t)) / (np.sqrt(hat(n, b3, t)) + eps)


def ademamix(g, s, p, t, b1=0.9, b2=0.999, b3=0.9999, alpha=6.0, eps=1e-8):
    m, slow = hat(ema(s, "m", b1, g), b1, t), ema(s, "slow", b3, g)
    return (m + alpha * slow) / (np.sqrt(hat(ema(s, "v", b2, g * g), b2, t)) + eps)


def simplified_ademamix(g, s, p, t, b1=0.99, b2=0.95, alpha=2.0, eps=1e-8):
    s["m"] = b1 * s.get("m", np.zeros_like(g)) + g
    return (s["m"] + alpha * g) / (np.sqrt(hat(ema(s, "v", b2, g * g), b2, t)) + eps)


def adopt(g, s, p, t, b1=0.9, b2=0.9999, eps=1e-6):
    if t == 1:
        s["v"], s["m"] = g * g, np.zeros_like(g)
        return np.zeros_like(g)
    limit = (t - 1) ** 0.25
    m = ema(s, "m", b1, np.clip(g / np.maximum(np.sqrt(s["v"]), eps), -limit, limit))
    ema(s, "v", b2, g * g)
    return m


def lion(g, s, p, t, b1=0.9, b2=0.99, decay=1e-3):
    m = s.get("m", np.zeros_like(g))
    update = np.sign(b1 * m + (1 - b1) * g)
    s["m"] = b2 * m + (1 - b2) * g
    return update + decay * p


def novograd(g, s, p, t, b1=0.9, b2=0.25, eps=1e-6, decay=0.01):
    norm = (g * g).sum()
    s["v"] = norm if t == 1 else b2 * s["v"] + (1 - b2) * norm
    s["m"] = b1 * s.get("m", 0.0) + g / (np.sqrt(s["v"]) + eps) + decay * p
    return s["m"]


def sm3(g, s, p, t, eps=1e-8):
    kept = s.setdefault("kept", [np.zeros(n) for n in g.shape])
    cover = np.full(g.shape, np.inf)
    for axis, k in enumerate(kept):
        cover = np.minimum(cover, k.reshape([-1 if i == axis else 1 for i in range(g.ndim)]))
    v = cover + g * g
    s["kept"] = [v.max(axis=tuple(i for i in range(g.ndim) if i != axis)) for axis in range(g.ndim)]
    return ema(s, "m", 0.9, g / np.sqrt(v + eps))


def ratio(u, p):
    a, b = np.linalg.norm(p.ravel()), np.linalg.norm(u.ravel())
    return a / b if a > 0 and b > 0 else 1.0


def lamb(g, s, p, t, decay=0.01):
    u = adam(g, s, p, t, eps=1e-6) + decay * p
    return u * ratio(u, p)


def lars(g, s, p, t, decay=0.01):
    u = g + decay * p
    s["v"] = 0.9 * s.get("v", 0.0) + u * 0.001 * ratio(u, p)
    return s["v"]


def fromage(g, s, p, t, rate=0.01):
    factor = 1 / math.sqrt(1 + rate * rate)
    return p - factor * (p - rate * ratio(g, p) * g)


def signum(g, s, p, t):
    return np.sign(ema(s, "m", 0.9, g))


def optimistic(g, s, p, t):
    last = s.get("last", g)
    s["last"] = g
    return 2 * g - last


def optimistic_adam(g, s, p, t):
    return optimistic(adam(g, s, p, t), s, p, t)


def nesterov_adam(g, s, p, t):
    m, v = ema(s, "m", 0.9, g), ema(s, "v", 0.999, g * g)
    ahead = 0.9 * m / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
    return ahead / (np.sqrt(hat(v, 0.999, t)) + 1e-8)


def optimistic_adam_v2(g, s, p, t):
    u = nesterov_adam(g, s, p, t)
    last = s.get("last", u)
    s["last"] = u
    return 0.7 * u + 1.2 * (u - last)


def ano(g, s, p, t):
    m = ema(s, "m", 0.92, g)
    v = s.get("v", np.zeros_like(g))
    s["v"] = 0.99 * v + 0.01 * np.sign(g * g - v) * g * g
    return np.abs(g) * np.sign(m) / np.sqrt(s["v"] / (1 - 0.99**t) + 1e-8) + 0.01 * p


def muon(g, s, p, t):
    if g.ndim != 2:
        return adam(g, s, p, t) + 0.01 * p
    m = ema(s, "m", 0.95, g)
    x = 0.95 * m + 0.05 * g
    x = x / (np.linalg.norm(x) + 1e-8)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x * math.sqrt(max(1.0, g.shape[0] / g.shape[1]))


def adafactor(g, s, p, t):
    # The leaves are below 128 by 128, so that nothing is factored.
    decay = 1 - t**-0.8
    s["v"] = decay * s.get("v", 0.0) + (1 - decay) * (g * g + 1e-30)
    u = g / np.sqrt(s["v"])
    u = u / max(1.0, math.sqrt((u * u).mean()))
    return u * max(1e-3, math.sqrt((p * p).mean()))


def all_leaves(name, source, update, until=STEPS):
    """As by_recurrence, for what looks at all leaves together: `update(g, state, p, t)` gives the next parameters."""
    p = [leaf.copy() for leaf in START]
    state = {}
    trajectory = [None]
    for t in range(1, STEPS + 1):
        p = update(gradient(p, t - 1), state, p, t)
        trajectory.append(p)
    show(name, source, trajectory, until)


def norm(tree):
    return math.sqrt(sum((leaf * leaf).sum() for leaf in tree))


def minus(a, b):
    return [x - y for x, y in zip(a, b)]


def dog(g, s, p, t, share=1e-6, eps=1e-8):
    start = s.setdefault("start", p)
    s["far"] = max(s.get("far", share * (1 + norm(start))), norm(minus(p, start)))
    s["sum"] = s.get("sum", 0.0) + norm(g) ** 2
    return [x - s["far"] / math.sqrt(s["sum"] + eps) * y for x, y in zip(p, g)]


def dowg(g, s, p, t, share=1e-4, eps=1e-8):
    start = s.setdefault("start", p)
    s["far"] = max(s.get("far", (share * (1 + norm(start))) ** 2), norm(minus(p, start)) ** 2)
    s["sum"] = s.get("sum", 0.0) + s["far"] * norm(g) ** 2
    return [x - s["far"] / math.sqrt(s["sum"] + eps) * y for x, y in zip(p, g)]


def prodigy(g, s, p, t, b1=0.9, b2=0.999, eps=1e-8, first=1e-6, decay=0.01):
    start, b3 = s.setdefault("start", p), math.sqrt(b2)
    d = s.setdefault("d", first)
    m = s["m"] = [b1 * m + (1 - b1) * d * x for m, x in zip(s.get("m", [0.0, 0.0]), g)]
    v = s["v"] = [b2 * v + (1 - b2) * d * d * x * x for v, x in zip(s.get("v", [0.0, 0.0]), g)]
    s["r"] = b3 * s.get("r", 0.0) + d / first * d * sum((x * y).sum() for x, y in zip(g, minus(start, p)))
    s["s"] = [b3 * a + d / first * d * x for a, x in zip(s.get("s", [0.0, 0.0]), g)]
    s["d"] = max(d, s["r"] / sum(abs(a).sum() for a in s["s"]))
    return [x - d * (a / (np.sqrt(b) + s["d"] * eps) + decay * x) for x, a, b in zip(p, m, v)]


def schedule_free(g, s, p, t, beta=0.9, rate=0.05):
    z, x = s.get("z", p), s.get("x", p)
    s["z"] = [a - rate * b for a, b in zip(z, g)]
    s["x"] = [(1 - 1 / t) * a + b / t for a, b in zip(x, s["z"])]
    return [(1 - beta) * a + beta * b for a, b in zip(s["z"], s["x"])]


def lookahead(g, s, p, t, rate=0.05, k=6, share=0.5):
    slow = s.setdefault("slow", p)
    fast = [x - rate * y for x, y in zip(p, g)]
    if t % k == 0:
        s["slow"] = fast = [a + share * (b - a) for a, b in zip(slow, fast)]
    return fast


def multi_steps(g, s, p, t, rate=0.05, k=4):
    s.setdefault("seen", []).append(g)
    if len(s["seen"]) < k:
        return p
    mean = [sum(leaves) / k for leaves in zip(*s["seen"])]
    s["seen"] = []
    return [x - rate * y for x, y in zip(p, mean)]


def acprop(g, s, p, t, b1=0.9, b2=0.999, eps=1e-16):
    m, v = s.get("m", np.zeros_like(g)), s.get("v", np.zeros_like(g))
    root = np.ones_like(g) if t == 1 else np.sqrt(hat(v, b2, t - 1))
    s["v"] = b2 * v + (1 - b2) * (g - m) ** 2 + eps
    ema(s, "m", b1, g)
    return g / (root + eps)


def shampoo(g, s, p, t, eps=1e-4):
    sums = s.setdefault("sums", [eps * np.eye(n) for n in g.shape])
    u = g
    for axis in range(g.ndim):
        flat = np.moveaxis(g, axis, 0).reshape(g.shape[axis], -1)
        sums[axis] = sums[axis] + flat @ flat.T
        w, vectors = np.linalg.eigh(sums[axis])
        root = vectors @ np.diag(w ** (-1 / (2 * g.ndim))) @ vectors.T
        u = np.moveaxis(np.tensordot(root, u, axes=(1, axis)), 0, axis)
    return u


def galore(g, s, p, t, rank=1):
    # The direction is found once; which way it points changes nothing.
    if g.ndim != 2:
        return adam(g, s, p, t)
    if t == 1:
        u, _, v = np.linalg.svd(g)
        s["d"] = u[:, :rank] if g.shape[0] >= g.shape[1] else v[:rank].T
    if g.shape[0] >= g.shape[1]:
        return 0.5 * s["d"] @ adam(s["d"].T @ g, s, p, t)
    return 0.5 * adam(g @ s["d"], s, p, t) @ s["d"].T


def madgrad(g, s, p, t, rate=0.01, momentum=0.9, eps=1e-6):
    weight = (rate + eps) * math.sqrt(t)
    start = s.setdefault("start", p)
    s["s"] = s.get("s", 0.0) + weight * g
    s["v"] = s.get("v", 0.0) + weight * g * g
    z = start - s["s"] / (np.cbrt(s["v"]) + eps)
    return p - ((1 - momentum) * z + momentum * p)


def cocob(g, s, p, t, alpha=100.0, eps=1e-8):
    start = s.setdefault("start", p)
    L = s["L"] = np.maximum(s.get("L", np.full_like(g, eps)), abs(g))
    G = s["G"] = s.get("G", 0.0) + abs(g)
    R = s["R"] = np.maximum(s.get("R", 0.0) - g * (p - start), 0.0)
    C = s["C"] = s.get("C", 0.0) - g
    return p - (start + C / (L * np.maximum(G + L, alpha * L)) * (L + R))


def dot(a, b):
    return sum((x * y).sum() for x, y in zip(a, b))


def d_adaptation(g, s, p, t, b1=0.9, b2=0.999, eps=1e-8, first=1e-6, decay=0.01):
    b3 = math.sqrt(b2)
    d = s.get("d", first)
    rate = d * math.sqrt(1 - b2**t) / (1 - b1**t)
    zero = [np.zeros_like(x) for x in p]
    m, v, total = s.get("m", zero), s.get("v", zero), s.get("s", zero)
    product = dot(g, [a / (np.sqrt(b) + eps) for a, b in zip(total, v)])
    s["m"] = m = [b1 * a + (1 - b1) * rate * x for a, x in zip(m, g)]
    s["v"] = v = [b2 * a + (1 - b2) * x * x for a, x in zip(v, g)]
    s["s"] = total = [b3 * a + (1 - b3) * rate * x for a, x in zip(total, g)]
    s["r"] = b3 * s.get("r", 0.0) + (1 - b3) * rate * product
    s["d"] = max(d, s["r"] / ((1 - b3) * sum(abs(a).sum() for a in total)))
    return [x - decay * rate * x - a / (np.sqrt(b) + eps) for x, a, b in zip(p, m, v)]


def mechanize(g, s, p, t, rate=0.5, eps=1e-8, first=1e-6, decay=0.01, n=6):
    b = 1 - 0.1 ** np.arange(1, n + 1)
    start = s.setdefault("start", p)
    scales = s.get("scales", np.full(n, first))
    total = scales.sum()
    share = decay * total * norm(g) / (norm(p) + eps)
    gone = s.get("gone", [np.zeros_like(x) for x in p])
    h = dot([y + share * x for x, y in zip(p, g)], gone)
    m = s.get("m", np.zeros(n))
    s["r"] = b * s.get("r", 0.0) + np.clip(h, -m, m) * scales
    s["m"] = np.maximum(b * m, abs(h) + eps)
    s["v"] = b * b * s.get("v", 0.0) + h * h
    s["scales"] = (first / n * s["m"] + np.maximum(0.0, s["r"])) / (np.sqrt(s["v"]) + eps)
    s["gone"] = [a + rate * y for a, y in zip(gone, g)]
    return [x0 - s["scales"].sum() * a for x0, a in zip(start, s["gone"])]


def value(p, t):
    return sum((0.5 * SCALE[k] * p[k] ** 2 + 0.5 * np.cos(0.7 * t + PLACE[k]) * p[k]).sum() for k in range(2))


def momo(g, s, p, t, rate=0.5, bound=-5.0, decay=0.01):
    b = 0.0 if t == 1 else 0.9
    m = s["m"] = [b * a + (1 - b) * x for a, x in zip(s.get("m", g), g)]
    f = s["f"] = b * s.get("f", 0.0) + (1 - b) * value(p, t - 1)
    c = s["c"] = b * s.get("c", 0.0) + (1 - b) * dot(g, p)
    step = max((1 + rate * decay) * (f - bound - c) + dot(m, p), 0.0) / dot(m, m)
    return [x / (1 + rate * decay) - min(rate, step) * a for x, a in zip(p, m)]


def momo_adam(g, s, p, t, rate=0.02, bound=-5.0, decay=0.01, b1=0.9, b2=0.999, eps=1e-8):
    m = s["m"] = [b1 * a + (1 - b1) * x for a, x in zip(s.get("m", [0.0, 0.0]), g)]
    v = s["v"] = [b2 * a + (1 - b2) * x * x for a, x in zip(s.get("v", [0.0, 0.0]), g)]
    f = s["f"] = b1 * s.get("f", 0.0) + (1 - b1) * value(p, t - 1)
    c = s["c"] = b1 * s.get("c", 0.0) + (1 - b1) * dot(g, p)
    d = [a / (eps + np.sqrt(hat(b, b2, t))) for a, b in zip(m, v)]
    k = 1 - b1**t
    step = max((1 + rate * decay) * (f - k * bound - c) + dot(m, p), 0.0) / dot(m, d)
    return [x / (1 + rate * decay) - min(rate / k, step) * a for x, a in zip(p, d)]


def sophia(g, s, p, t, k=None, decay=0.01, b1=0.965, b2=0.99, gamma=0.01, eps=1e-8, every=10):
    # The Hessian is diagonal, and does not change: every estimate is exact.
    h = s.get("h", np.zeros_like(g))
    m = hat(ema(s, "m", b1, g), b1, t)
    u = np.clip(m / np.maximum(gamma * h, eps), -1, 1) + decay * p
    if (t - 1) % every == 0:
        s["h"] = b2 * h + (1 - b2) * np.linspace(0.5, 2.0, g.size).reshape(g.shape)
    return u


O = torch.optim
by_torch("sgd", lambda p: O.SGD(p, 0.01))
by_torch("momentum", lambda p: O.SGD(p, 0.01, momentum=0.9))
by_torch("nesterov", lambda p: O.SGD(p, 0.01, momentum=0.9, nesterov=True))
by_torch("coupled decay", lambda p: O.Adam(p, 0.01, weight_decay=0.1))
by_torch("adam", lambda p: O.Adam(p, 0.01))
by_torch("adamW", lambda p: O.AdamW(p, 0.01, weight_decay=0.1))
by_torch("adaMax", lambda p: O.Adamax(p, 0.01))
by_torch("adadelta", lambda p: O.Adadelta(p, 1.0))
by_torch("rprop", lambda p: O.Rprop(p, 0.01))
by_torch("rms, epsilon outside", lambda p: O.RMSprop(p, 0.01, alpha=0.9))
by_torch("adagrad, epsilon outside", lambda p: O.Adagrad(p, 0.01))
by_recurrence("nadam", "Dozat 2016, as in optax", 0.01, nadam)
by_recurrence("amsGrad", "Reddi et al. 2018, unbiased as in optax", 0.01, amsgrad)
by_recurrence("adaBelief", "Zhuang et al. 2020", 0.01, adabelief)
by_recurrence("yogi", "Zaheer et al. 2018, as in optax", 0.01, yogi)
by_recurrence("radam", "Liu et al. 2020", 0.01, radam)
by_recurrence("rmsprop", "Tieleman and Hinton 2012", 0.01, rms)
by_recurrence("centredRmsprop", "Graves 2013", 0.01, centred)
by_recurrence("adagrad", "Duchi et al. 2011, as in optax", 0.01, adagrad)
by_recurrence("adan", "Xie et al. 2022", 0.01, adan)
by_recurrence("adEmaMix", "Pagliardini et al. 2024", 0.01, ademamix)
by_recurrence("simplifiedAdEmaMix", "Morwani et al. 2025", 0.001, simplified_ademamix)
by_recurrence("adopt", "Taniguchi et al. 2024", 0.01, adopt)
by_recurrence("lion", "Chen et al. 2023", 0.01, lion)
by_recurrence("novoGrad", "Ginsburg et al. 2019", 0.01, novograd)
by_recurrence("sm3", "Anil et al. 2019", 0.01, sm3)
by_recurrence("lamb", "You et al. 2020", 0.01, lamb)
by_recurrence("lars", "You et al. 2017", 0.1, lars)
by_recurrence("fromage", "Bernstein et al. 2020", 1.0, fromage)
by_recurrence("signum", "Bernstein et al. 2018", 0.01, signum)
by_recurrence("signSgd", "Bernstein et al. 2018", 0.01, lambda g, s, p, t: np.sign(g))
by_recurrence("optimisticSgd", "Daskalakis et al. 2018", 0.01, optimistic)
by_recurrence("optimisticAdam", "Daskalakis et al. 2018", 0.01, optimistic_adam)
by_recurrence("optimisticAdamBy", "Daskalakis et al. 2018, Dozat 2016", 0.01, optimistic_adam_v2)
by_recurrence("ano", "Kegreisz 2025", 0.01, ano)
# An orthogonal update turns over when a singular value comes near 0, and rounding with it: later steps say nothing.
by_recurrence("muon", "Jordan et al. 2024", 0.01, muon, until=100)
by_recurrence("adafactor", "Shazeer and Stern 2018", 0.01, adafactor)
all_leaves("dog", "Ivgi et al. 2023", dog)
all_leaves("dowg", "Khaled et al. 2023", dowg)
all_leaves("prodigy", "Mishchenko and Defazio 2023", prodigy)
all_leaves("scheduleFree", "Defazio et al. 2024", schedule_free)
all_leaves("lookahead", "Zhang et al. 2019", lookahead)
all_leaves("multiSteps", "definition", multi_steps)
by_recurrence("acProp", "Zhuang et al. 2021, as in optax", 0.01, acprop)
by_recurrence("shampoo", "Gupta et al. 2018", 0.05, shampoo)
by_recurrence("galore", "Zhao et al. 2024", 0.01, galore)
by_recurrence("madgrad", "Defazio and Jelassi 2022", 1.0, madgrad)
by_recurrence("cocob", "Orabona and Tommasi 2017", 1.0, cocob)
all_leaves("dAdaptation", "Defazio and Mishchenko 2023, as in optax", d_adaptation)
# The scale it learns makes the steps as long as they may be: a start apart by 1e-15 ends apart by 1e-7 after 100 steps.
all_leaves("mechanize", "Cutkosky et al. 2023", mechanize, until=30)
all_leaves("momo", "Schaipp et al. 2023", momo)
all_leaves("momoAdam", "Schaipp et al. 2023", momo_adam)
by_recurrence("sophia", "Liu et al. 2023, as in optax", 0.01, sophia)
