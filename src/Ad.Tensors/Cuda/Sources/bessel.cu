// Bessel functions of whole order, in double, by the host's steps.
static __device__ double ad_besselIe(double order, double x) {
    const double n = fabs(order), a = fabs(x);
    if (a != a || !(n <= 1000) || n != floor(n)) return ad_nan(0.0);
    const double sign = x < 0 && fmod(n, 2.0) != 0 ? -1 : 1;
    if (a > 25 + (2 * n * n)) {
        double sum = 1, term = 1;
        for (int k = 1; k <= 40; k++) {
            term *= (((2 * k) - 1 - (2 * n)) * ((2 * k) - 1 + (2 * n))) / (8 * k * a);
            sum += term;
        }
        return sign * sum / sqrt(2 * 3.14159265358979323846) / sqrt(a);
    }
    double ratio = 0, rest = 0, product = 1;
    for (int k = (int)sqrt((n * n) + (80 * a)) + 20; k > 0; k--) {
        ratio = a / ((2 * k) + (a * ratio));
        rest = ratio * (1 + rest);
        if (k <= n) product *= ratio;
    }
    return sign * product / (1 + (2 * rest));
}

static __device__ double ad_besselI(double order, double x) {
    const double half = exp(fabs(x) / 2), scaled = ad_besselIe(order, x);
    if (fabs(x) == ad_infinity(0.0) && scaled == scaled) return fmod(order, 2.0) == 0 ? fabs(x) : x;
    return scaled * half * half;
}

static __device__ double ad_besselJFar(double n, double a) {
    double term = 1, even = 1, odd = 0;
    for (int k = 1; k <= 40; k++) {
        term *= (((2 * n) - (2 * k) + 1) * ((2 * n) + (2 * k) - 1)) / (8 * k * a);
        even += k % 4 == 0 ? term : k % 4 == 2 ? -term : 0;
        odd += k % 4 == 1 ? term : k % 4 == 3 ? -term : 0;
    }
    double c = (cos(a) + sin(a)) / sqrt(2.0), s = (sin(a) - cos(a)) / sqrt(2.0);
    for (int k = (int)fmod(n, 4.0); k > 0; k--) {
        const double turned = s;
        s = -c;
        c = turned;
    }
    return sqrt(2 / 3.14159265358979323846) / sqrt(a) * ((even * c) - (odd * s));
}

static __device__ double ad_besselJNear(double n, double a) {
    double lead = 1, sum = 1, term = 1;
    for (int k = 1; k <= n; k++) lead *= a / (2 * k);
    for (int k = 1; k <= 25; k++) {
        term *= -(a * a / 4) / (k * (n + k));
        sum += term;
    }
    return lead * sum;
}

static __device__ double ad_besselJBetween(double n, double a) {
    const double larger = n > a ? n : a;
    double above = 0, here = 1e-300, sum = 0, result = 0;
    for (int k = (int)(larger + (12 * pow(larger, 1.0 / 3))) + 20; k > 0; k--) {
        const double next = (2 * k / a * here) - above;
        above = here;
        here = next;
        if (fabs(here) > 1e200) {
            above *= 1e-200;
            here *= 1e-200;
            sum *= 1e-200;
            result *= 1e-200;
        }
        if (k - 1 == n) result = here;
        sum += k == 1 ? here : k % 2 == 1 ? 2 * here : 0;
    }
    return result / sum;
}

static __device__ double ad_besselJ(double order, double x) {
    const double n = fabs(order), a = fabs(x);
    if (a != a || !(n <= 1000) || n != floor(n)) return ad_nan(0.0);
    if (a == ad_infinity(0.0)) return 0;
    const double sign = fmod(n, 2.0) != 0 && (x < 0) != (order < 0) ? -1 : 1;
    return sign * (a > 25 + (n * n / 2) ? ad_besselJFar(n, a) : a * a <= 4 * (n + 1) ? ad_besselJNear(n, a) : ad_besselJBetween(n, a));
}

AD float ad_besselI(float n, float x) { return (float)ad_besselI((double)n, (double)x); }
AD float ad_besselIe(float n, float x) { return (float)ad_besselIe((double)n, (double)x); }
AD float ad_besselJ(float n, float x) { return (float)ad_besselJ((double)n, (double)x); }
