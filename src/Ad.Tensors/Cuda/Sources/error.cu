// What is around erfc, in double: it scaled, its repeated integrals and the inverses, by the host's steps.
static __device__ double ad_erfcxOf(double x) {
    if (x < 0) {
        const double square = x * x;
        return x < -27 ? ad_infinity(0.0) : (2 * exp(square) * (1 + fma(x, x, -square))) - ad_erfcxOf(-x);
    }
    if (x > 1e10) return 0.56418958354775628695 / x;
    const double scaled[27] = {@ERFCX@};
    const double t = (x - 3.75) / (x + 3.75);
    double later = 0, sum = 0;
    for (int k = 26; k > 0; k--) {
        const double next = (2 * t * sum) - later + scaled[k];
        later = sum;
        sum = next;
    }
    return ((t * sum) - later + scaled[0]) / (1 + (2 * x));
}

static __device__ double ad_erfcx(double order, double x) {
    if (order == 0) return ad_erfcxOf(x);
    if (x != x || !(order > 0) || order > 100 || order != floor(order)) return ad_nan(0.0);
    const int n = (int)order;
    if (x >= 0.5) {
        const double root = sqrt(2.0 * n) + (20 / x);
        const int enough = (int)(root * root / 2), last = enough > n + 30 ? enough : n + 30;
        double ratio = 1 / (x + sqrt((x * x) + (2.0 * last))), product = 1.1283791670955125739;
        for (int k = last; k > 0; k--) {
            ratio = 0.5 / (x + (k * ratio));
            if (k - 1 <= n) product *= ratio;
        }
        return product;
    }
    double before = 1.1283791670955125739, here = x < 0 ? ad_erfcxOf(x) : 1.0;
    for (int k = 1; k <= n; k++) {
        const double next = x < 0 ? (before - (2 * x * here)) / (2 * k) : before / (2 * k);
        before = here;
        here = next;
    }
    if (x < 0) return here;
    double sum = 0, factor = 1, term;
    int place = n;
    do {
        term = factor * here;
        sum += term;
        place++;
        factor *= -2 * x * place / (place - n);
        const double next = before / (2 * place);
        before = here;
        here = next;
    } while (fabs(term) > 1e-18 * sum);
    return sum;
}

static __device__ double ad_erfcinvOfSmall(double c) {
    if (!(c > 0)) return c == 0 ? ad_infinity(0.0) : ad_nan(0.0);
    const double target = -log(c);
    double y = sqrt(target - (0.5 * log(3.14159265358979323846 * target)));
    for (int i = 0; i < 6; i++) {
        const double scaled = ad_erfcxOf(y);
        y -= ((y * y) - log(scaled) - target) * scaled / 1.1283791670955125739;
    }
    return y;
}

static __device__ double ad_erfinv(double x) {
    const double a = fabs(x);
    double y;
    if (a <= 0.5) {
        y = a / 1.1283791670955125739 * (1 + (3.14159265358979323846 / 12 * a * a));
        for (int i = 0; i < 3; i++) {
            const double step = (erf(y) - a) / (1.1283791670955125739 * exp(-y * y));
            y -= step / (1 + (y * step));
        }
    } else {
        y = a <= 1 ? ad_erfcinvOfSmall(1 - a) : ad_nan(0.0);
    }
    return ad_minus(x) ? -y : y;
}

static __device__ double ad_erfcinv(double x) {
    return x < 0.5 ? ad_erfcinvOfSmall(x) : x <= 1.5 ? ad_erfinv(1 - x) : -ad_erfcinvOfSmall(2 - x);
}

AD float ad_erfcx(float n, float x) { return (float)ad_erfcx((double)n, (double)x); }
AD float ad_erfinv(float x) { return (float)ad_erfinv((double)x); }
AD float ad_erfcinv(float x) { return (float)ad_erfcinv((double)x); }
