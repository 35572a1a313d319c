// The gamma function's family, from its series (Abramowitz and Stegun 1964, chapters 6 and 23), in double.
AD double ad_bernoulli(int k) {
    const double b[10] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330};
    return b[k];
}

AD double ad_sinPi(double x) {
    const double nearest = rint(x), sine = sin(3.14159265358979323846 * (x - nearest));
    return fmod(nearest, 2.0) == 0 ? sine : -sine;
}

AD double ad_cosPi(double x) {
    const double nearest = rint(x), cosine = cos(3.14159265358979323846 * (x - nearest));
    return fmod(nearest, 2.0) == 0 ? cosine : -cosine;
}

// The sum of (x + k)^-s over k = 0, 1, ..., for s above 1 and positive x, by Euler and Maclaurin's formula.
static __device__ double ad_zeta(double s, double x) {
    double head = 0;
    for (const double last = x + 12; x < last; x += 1) head += pow(x, -s);
    const double power = pow(x, -s);
    double tail = (power * x / (s - 1)) + (power / 2), factor = s * power / x;
    for (int k = 0; k < 10; k++) {
        factor /= 2 * (k + 1);
        tail += ad_bernoulli(k) * factor;
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2) / (x * x * (2 * k + 3));
    }
    return head + tail;
}

// lgamma(2 + z) for |z| <= 1/2 is z (1 - gamma) + sum (-1)^k (zeta(k) - 1) z^k / k, and lgamma(1 + z) that less log(1 + z).
static __device__ double ad_lgammaNearTwo(double z, bool two) {
    const double zeta[40] = {@ZETA@};
    double series = 0;
    for (int k = 41; k >= 2; k--) series = (series + ((k % 2 == 0 ? 1 : -1) * zeta[k - 2] / k)) * z;
    const double result = z * (1 - 0.57721566490153286061 + series);
    return two ? result : result - log1p(z);
}

static __device__ double ad_lgammaOfPositive(double x) {
    if (x >= 12) {
        const double square = 1 / (x * x);
        double series = 0;
        for (int k = 9; k >= 0; k--) series = (series * square) + (ad_bernoulli(k) / (2 * (k + 1) * ((2 * k) + 1)));
        return ((x - 0.5) * log(x)) - x + 0.91893853320467274178 + series / x;
    }
    if (x < 0.5) return ad_lgammaNearTwo(x, false) - log(x);
    if (x < 1.5) return ad_lgammaNearTwo(x - 1, false);
    double product = 1;
    while (x > 2.5) {
        x -= 1;
        product *= x;
    }
    return log(product) + ad_lgammaNearTwo(x - 2, true);
}

static __device__ double ad_lgamma(double x) {
    if (x != x) return x;
    if (fabs(x) == ad_infinity(0.0)) return ad_infinity(0.0);
    if (x > 0) return ad_lgammaOfPositive(x);
    if (x == floor(x)) return ad_infinity(0.0);
    return x > -1e-20 ? -log(-x) : log(3.14159265358979323846 / (-x * fabs(ad_sinPi(x)))) - ad_lgammaOfPositive(-x);
}

static __device__ double ad_digammaOfPositive(double x) {
    double shift = 0, rest = 0;
    for (; x < 12; x += 1) {
        const double term = 1 / x, sum = shift + term, part = sum - shift;
        rest += (shift - (sum - part)) + (term - part) + (fma(-term, x, 1.0) / x);
        shift = sum;
    }
    const double square = 1 / (x * x);
    double series = 0;
    for (int k = 9; k >= 0; k--) series = (series + (ad_bernoulli(k) / (2 * (k + 1)))) * square;
    return (log(x) - shift) - ((0.5 / x) + series + rest);
}

static __device__ double ad_digamma(double x) {
    if (x > 0 || x != x) return ad_digammaOfPositive(x);
    if (x == 0) return -1 / x;
    return x == floor(x) ? ad_nan(0.0) : ad_digammaOfPositive(1 - x) - (3.14159265358979323846 * ad_cosPi(x) / ad_sinPi(x));
}

// The n-th derivative of pi cot(pi x): a polynomial in the cotangent c, as c' = -pi (1 + c^2).
static __device__ double ad_cotangentDerivative(double n, double x) {
    if (n > 170) return ad_nan(0.0);
    double coefficients[173] = {0};
    coefficients[1] = 1;
    for (int k = 1; k <= (int)n; k++) {
        double below = 0;
        for (int i = 0; i <= k + 1; i++) {
            const double here = coefficients[i];
            coefficients[i] = -(((i + 1) * coefficients[i + 1]) + ((i - 1) * below));
            below = here;
        }
    }
    const double cotangent = ad_cosPi(x) / ad_sinPi(x);
    double sum = 0;
    for (int i = (int)n + 1; i >= 0; i--) sum = (sum * cotangent) + coefficients[i];
    return sum * pow(3.14159265358979323846, n + 1);
}

static __device__ double ad_polygammaOfPositive(double n, double x) {
    double factorial = 1;
    for (int k = 2; k <= n && factorial != ad_infinity(0.0); k++) factorial *= k;
    return (fmod(n, 2.0) == 0 ? -1 : 1) * factorial * ad_zeta(n + 1, x);
}

static __device__ double ad_polygamma(double n, double x) {
    if (n == 0) return ad_digamma(x);
    if (x != x || !(n > 0) || n != floor(n) || x == -ad_infinity(0.0)) return ad_nan(0.0);
    const double sign = fmod(n, 2.0) == 0 ? -1 : 1;
    if (x < 0) {
        if (x != floor(x)) return (-sign * ad_polygammaOfPositive(n, 1 - x)) - ad_cotangentDerivative(n, x);
        return sign > 0 ? ad_infinity(0.0) : ad_nan(0.0);
    }
    if (x == 0) return sign * ad_infinity(0.0);
    if (x == ad_infinity(0.0)) return sign * 0.0;
    return ad_polygammaOfPositive(n, x);
}

AD float ad_lgamma(float x) { return (float)ad_lgamma((double)x); }
AD float ad_digamma(float x) { return (float)ad_digamma((double)x); }
AD float ad_polygamma(float n, float x) { return (float)ad_polygamma((double)n, (double)x); }
