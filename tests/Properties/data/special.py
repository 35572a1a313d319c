"""Writes special.tsv: what special functions and their first derivatives come to, from definitions other than the library's, in 350 digits (mpmath 1.2.1), as 1 less what is tiny is also differentiated. A row
has the function, a whole order or -, the arguments, the value, and the derivatives by the arguments, which are nan where there is nothing to compare.

    python3 special.py > special.tsv
"""

import mpmath as mp

mp.mp.dps = 350
INF, NAN = mp.inf, mp.nan


def scaled(x):
    """e^(x^2) erfc x, by its asymptotic series where that has more digits than are printed."""
    if x < 1000:
        return mp.exp(x * x) * mp.erfc(x)
    term = total = mp.mpf(1)
    for k in range(1, 30):
        term *= -(2 * k - 1) / (2 * x * x)
        total += term
    return total / (x * mp.sqrt(mp.pi))


def erfinv(x):
    """By Newton's method on the logarithm of erfc from the side where it cannot overshoot; around 0 on erf."""
    if abs(x) < mp.mpf("0.6"):
        return mp.findroot(lambda y: mp.erf(y) / x - 1, x, tol=mp.mpf(10) ** -600) if x else mp.mpf(0)
    return mp.sign(x) * tail(1 - abs(x))


def tail(c):
    y = mp.sqrt(-mp.log(c))
    for _ in range(16):
        y += (mp.log(mp.erfc(y)) - mp.log(c)) * mp.erfc(y) * mp.exp(y * y) * mp.sqrt(mp.pi) / 2
    return y


def erfcinv(c):
    return tail(c) if c < mp.mpf("0.5") else erfinv(1 - c)


def ndtri(p):
    return -mp.sqrt(2) * erfcinv(2 * p)


def upper(a, x):
    return mp.gammainc(a, x, mp.inf, regularized=True)


def lower(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def ibeta(a, b, x):
    """By the series of Gauss's function on the side where the terms fall."""
    if x > (a + 1) / (a + b + 2):
        return 1 - ibeta(b, a, 1 - x)
    term = total = mp.mpf(1)
    k = 0
    while abs(term) > mp.mpf(10) ** -345 * abs(total):
        term *= x * (a + b + k) / (a + 1 + k)
        total += term
        k += 1
    logs = mp.loggamma(a + b) - mp.loggamma(a + 1) - mp.loggamma(b)
    return mp.exp(a * mp.log(x) + b * mp.log(1 - x) + logs) * total


def lbeta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def multigammaln(d, a):
    return mp.mpf(d * (d - 1)) / 4 * mp.log(mp.pi) + sum(mp.loggamma(a - mp.mpf(j) / 2) for j in range(d))


def besselie(n, x):
    return mp.exp(-abs(x)) * mp.besseli(n, x)


def pairs(first, second):
    return [(a, b) for a in first for b in second]


LINE = [-30.0, -6.5, -3.0, -1.0, -0.4, -1e-3, -1e-300, 1e-310, 1e-9, 0.3, 0.499, 0.5, 0.7, 1.0, 1.5, 2.0, 3.3, 5.9, 6.1, 10.0, 20.0, 26.0]
SHARES = [5e-324, 1e-310, 1e-300, 1e-100, 1e-20, 1e-10, 1e-4, 0.02, 0.2, 0.4, 0.499, 0.5, 0.51, 0.8, 0.999]
AROUND = [1e-300, 1e-5, 0.1, 0.9, 1.9, 2.1, 3.7, 5.0, 9.9, 15.0, 24.0, 26.0, 27.5, 33.0, 80.0, 300.0, 700.0]
GAMMA = [(a, a * f) for a in (0.01, 0.3, 1.0, 2.5, 9.9, 10.1, 40.0, 300.0, 3000.0) for f in (1e-6, 0.1, 0.5, 0.9, 1.0, 1.1, 1.5, 3.0)] + [
    (0.5, 1e-300), (3.0, 1e-50), (0.5, 600.0), (2.0, 50.0), (1e-3, 0.5), (1e-3, 3.0), (1e-8, 2.0), (100.0, 700.0), (1e6, 1e6), (1e6, 1.001e6), (1e6, 0.999e6)]
BETA = [(a, b, x) for a in (0.05, 0.7, 1.0, 4.5, 30.0, 500.0) for b in (0.05, 1.0, 2.5, 12.0, 400.0) for x in (1e-6, 0.1, 0.4, 0.6, 0.97)] + [
    (1e5, 1e5, 0.5), (1e5, 0.5, 0.99999), (0.5, 1e5, 1e-5), (2.0, 3.0, 1e-100), (1e5, 2e5, 0.3333)]

ROWS = {
    "erfc": (mp.erfc, None, LINE),
    "erfcx": (scaled, None, [-26.0, -5.0] + LINE[3:] + [1e2, 1e5, 1e9, 1e12, 1e200]),
    "erfinv": (erfinv, None,
               [-0.9999, -0.8, -0.3, -1e-5, -1e-300, 1e-310, 1e-20, 0.1, 0.4999, 0.5001, 0.7, 0.99, 0.9999999999, 1 - 2.0**-53]),
    "erfcinv": (erfcinv, None, SHARES + [1.2, 1.5, 1.7, 1.999999]),
    "ndtr": (mp.ncdf, None, [-37.0, -20.0, -8.0, -3.0, -1.0, -0.1, 1e-5, 0.5, 2.0, 7.0]),
    "ndtri": (ndtri, None, [1e-310, 1e-300, 1e-30, 1e-5, 0.01, 0.2, 0.49, 0.6, 0.99, 0.9999999]),
    "logNdtr": (lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2) if x > -1e3 else -x * x / 2 + mp.log(scaled(-x / mp.sqrt(2)) / 2), None,
                [-1e9, -1e5, -500.0, -38.0, -10.0, -3.0, -1.001, -0.999, -0.2, 0.0, 1.0, 5.0, 9.0, 20.0]),
    "sinc": (mp.sincpi, None, [1e-300, 1e-5, 0.1, 0.29, 0.31, -0.7, 1.4, 2.0, 5.5, -100.25, 1e6 + 0.25]),
    "multigammaln 3": (lambda a: multigammaln(3, a), None, [1.1, 1.5, 4.0, 30.0]),
    "entr": (lambda x: -x * mp.log(x), None, [1e-310, 1e-5, 0.3, 1.5, 100.0]),
    "relEntr": (lambda x, y: x * mp.log(x / y), None, pairs([1e-300, 0.3, 2.0], [1e-200, 0.31, 2.0, 1e200])),
    "klDiv": (lambda x, y: x * mp.log(x / y) - x + y, None, pairs([1e-300, 0.3, 2.0], [1e-200, 0.3001, 2.0, 2.0000001, 1e200])),
    "besselI": (lambda n, x: mp.besseli(n, x), (0, 1, 2, 7), AROUND),
    "besselIe": (besselie, (0, 1, 3), AROUND + [-2.0, 1e4, 1e15]),
    "besselJ": (lambda n, x: mp.besselj(n, x), (0, 1, 2, 7, 30), AROUND + [-2.0, 1e4, 1e7]),
    "gammainc": (lower, None, GAMMA),
    "gammaincc": (upper, None, GAMMA),
    "betainc": (ibeta, None, BETA),
    "lbeta": (lbeta, None, pairs([1e-5, 0.5, 3.0, 9.9, 12.0, 1e6, 1e15], [1e-3, 2.0, 10.0, 1e6])),
    "zeta": (lambda s, q: mp.zeta(s, q), None, pairs([1.0001, 1.5, 2.0, 3.7, 20.0], [1e-3, 0.4, 1.0, 5.5, 100.0, 1e6]) + [(150.0, 0.4), (150.0, 1.0), (150.0, 5.5)]),
}


def text(v):
    v = mp.mpf(v) if not isinstance(v, mp.mpc) else v.real
    return "nan" if mp.isnan(v) else mp.nstr(v, 17) if 1e-290 < abs(v) < 1e290 or v == 0 else repr(float(v)) if abs(v) < 1e308 else "inf"


def slope(f, x, i):
    """By differences over 1e-20 of the argument."""
    h = abs(x[i]) * mp.mpf(10) ** -20 if x[i] else mp.mpf(10) ** -20

    def at(d):
        return f(*[v + d if j == i else v for j, v in enumerate(x)])

    # The error is h^4 of the fifth derivative.
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


for name, (f, orders, points) in ROWS.items():
    for n in orders or ("-",):
        for point in points:
            x = [mp.mpf(v) for v in (point if isinstance(point, tuple) else (point,))]
            g = f if n == "-" else (lambda v, n=n: f(n, v))
            ends = name in ("erfcinv", "ndtri") and x[0] < 1e-290 or abs(x[0]) < 1e-290
            slopes = ["nan" if ends else text(slope(g, x, i)) for i in range(len(x))]
            print("\t".join([name, str(n), ",".join(repr(float(v)) for v in x), text(g(*x)), ",".join(slopes)]))
