// A library with the calls of cuSOLVER that are used, which checks what it is told and computes by plain loops in the host's memory, column by column.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

typedef int Status;
enum { Success = 0, InvalidValue = 3 };
static int handle, failing, calls, many;
static const int Needed = 1000;

struct Columns {
    double *p;
    int step;
    double &operator()(int i, int j) const { return p[(int64_t)j * step + i]; }
};

static bool isRoom(double *work, int room) {
    if (room < Needed || !work || (uint64_t)work % 8) return false;
    for (int i = 0; i < Needed; i++) work[i] = NAN;
    return true;
}
static int cholesky(Columns a, int n) {
    for (int j = 0; j < n; j++) {
        double pivot = a(j, j);
        for (int k = 0; k < j; k++) pivot -= a(j, k) * a(j, k);
        if (!(pivot > 0)) return j + 1;
        a(j, j) = std::sqrt(pivot);
        for (int i = j + 1; i < n; i++) {
            double sum = a(i, j);
            for (int k = 0; k < j; k++) sum -= a(i, k) * a(j, k);
            a(i, j) = sum / a(j, j);
        }
    }
    return 0;
}
// One-sided rotations (Hestenes 1958): columns of A become orthogonal, and V collects what was done.
static void orthogonalize(Columns a, Columns v, int m, int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) v(i, j) = i == j;
    for (int sweep = 0; sweep < 60; sweep++) {
        double most = 0;
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                double x = 0, y = 0, xy = 0;
                for (int i = 0; i < m; i++) {
                    x += a(i, p) * a(i, p);
                    y += a(i, q) * a(i, q);
                    xy += a(i, p) * a(i, q);
                }
                if (std::fabs(xy) <= 1e-300 || std::fabs(xy) <= 1e-16 * std::sqrt(x * y)) continue;
                most = std::fmax(most, std::fabs(xy) / std::sqrt(x * y));
                const double z = (y - x) / (2 * xy), t = (z < 0 ? -1 : 1) / (std::fabs(z) + std::sqrt(1 + z * z)), c = 1 / std::sqrt(1 + t * t), s = c * t;
                for (int i = 0; i < m; i++) {
                    const double u = a(i, p), w = a(i, q);
                    a(i, p) = c * u - s * w;
                    a(i, q) = s * u + c * w;
                }
                for (int i = 0; i < n; i++) {
                    const double u = v(i, p), w = v(i, q);
                    v(i, p) = c * u - s * w;
                    v(i, q) = s * u + c * w;
                }
            }
        if (most < 1e-15) break;
    }
}
// Rotations from both sides (Jacobi 1846).
static void diagonalize(Columns a, Columns v, int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) v(i, j) = i == j;
    for (int sweep = 0; sweep < 60; sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                if (a(p, q) == 0) continue;
                const double z = (a(q, q) - a(p, p)) / (2 * a(p, q)), t = (z < 0 ? -1 : 1) / (std::fabs(z) + std::sqrt(1 + z * z)), c = 1 / std::sqrt(1 + t * t), s = c * t;
                for (int i = 0; i < n; i++) {
                    const double x = a(i, p), y = a(i, q);
                    a(i, p) = c * x - s * y;
                    a(i, q) = s * x + c * y;
                }
                for (int i = 0; i < n; i++) {
                    const double x = a(p, i), y = a(q, i);
                    a(p, i) = c * x - s * y;
                    a(q, i) = s * x + c * y;
                }
                for (int i = 0; i < n; i++) {
                    const double x = v(i, p), y = v(i, q);
                    v(i, p) = c * x - s * y;
                    v(i, q) = s * x + c * y;
                }
            }
}

extern "C" {
int fake_calls() { return calls; }
int fake_many() { return many; }
void fake_fail(int status) { failing = status; }

Status cusolverDnCreate(void **h) { *h = &handle; return Success; }
Status cusolverDnSetStream(void *h, void *) { return h == &handle ? Success : InvalidValue; }
static Status room(void *h, bool right, int *size) { *size = Needed; return h == &handle && right ? Success : InvalidValue; }
static Status begun(void *h, bool right) { calls++; return failing ? failing : h == &handle && right ? Success : InvalidValue; }

Status cusolverDnDpotrf_bufferSize(void *h, int half, int n, double *, int step, int *size) { return room(h, half == 0 && n > 0 && step >= n, size); }
Status cusolverDnDpotrf(void *h, int half, int n, double *a, int step, double *work, int size, int *info) {
    if (const Status bad = begun(h, half == 0 && step >= n && isRoom(work, size))) return bad;
    *info = cholesky(Columns{ a, step }, n);
    return Success;
}
Status cusolverDnDpotrfBatched(void *h, int half, int n, double **a, int step, int *infos, int count) {
    if (const Status bad = begun(h, half == 0 && step >= n && count > 0)) return bad;
    many++;
    for (int b = 0; b < count; b++) infos[b] = cholesky(Columns{ a[b], step }, n);
    return Success;
}
Status cusolverDnDgetrf_bufferSize(void *h, int m, int n, double *, int step, int *size) { return room(h, m > 0 && n > 0 && step >= m, size); }
Status cusolverDnDgetrf(void *h, int m, int n, double *at, int step, double *work, int *pivots, int *info) {
    if (const Status bad = begun(h, m == n && step >= m && isRoom(work, Needed))) return bad;
    const Columns a = { at, step };
    *info = 0;
    for (int k = 0; k < n; k++) {
        int best = k;
        for (int i = k + 1; i < n; i++)
            if (std::fabs(a(i, k)) > std::fabs(a(best, k))) best = i;
        pivots[k] = best + 1;
        for (int j = 0; j < n && best != k; j++) std::swap(a(k, j), a(best, j));
        if (a(k, k) == 0) {
            *info = *info ? *info : k + 1;
            continue;
        }
        for (int i = k + 1; i < n; i++) {
            a(i, k) /= a(k, k);
            for (int j = k + 1; j < n; j++) a(i, j) -= a(i, k) * a(k, j);
        }
    }
    return Success;
}
Status cusolverDnDgetrs(void *h, int turned, int n, int columns, const double *at, int step, const int *pivots, double *bt, int stepB, int *info) {
    if (const Status bad = begun(h, (turned == 0 || turned == 1) && step >= n && stepB >= n)) return bad;
    const Columns a = { (double *)at, step }, b = { bt, stepB };
    *info = 0;
    for (int c = 0; c < columns; c++) {
        if (turned == 0) {
            for (int k = 0; k < n; k++) std::swap(b(k, c), b(pivots[k] - 1, c));
            for (int i = 0; i < n; i++)
                for (int k = 0; k < i; k++) b(i, c) -= a(i, k) * b(k, c);
            for (int i = n - 1; i >= 0; i--) {
                for (int k = i + 1; k < n; k++) b(i, c) -= a(i, k) * b(k, c);
                b(i, c) /= a(i, i);
            }
        } else {
            for (int i = 0; i < n; i++) {
                for (int k = 0; k < i; k++) b(i, c) -= a(k, i) * b(k, c);
                b(i, c) /= a(i, i);
            }
            for (int i = n - 1; i >= 0; i--)
                for (int k = i + 1; k < n; k++) b(i, c) -= a(k, i) * b(k, c);
            for (int k = n - 1; k >= 0; k--) std::swap(b(k, c), b(pivots[k] - 1, c));
        }
    }
    return Success;
}
Status cusolverDnDgeqrf_bufferSize(void *h, int m, int n, double *, int step, int *size) { return room(h, m >= n && n > 0 && step >= m, size); }
Status cusolverDnDgeqrf(void *h, int m, int n, double *at, int step, double *factors, double *work, int size, int *info) {
    if (const Status bad = begun(h, m >= n && step >= m && isRoom(work, size))) return bad;
    const Columns a = { at, step };
    *info = 0;
    for (int k = 0; k < n; k++) {
        double square = 0;
        for (int i = k + 1; i < m; i++) square += a(i, k) * a(i, k);
        factors[k] = 0;
        if (square == 0) continue;
        const double x = a(k, k), norm = x > 0 ? -std::sqrt(x * x + square) : std::sqrt(x * x + square);
        factors[k] = (norm - x) / norm;
        for (int i = k + 1; i < m; i++) a(i, k) /= x - norm;
        a(k, k) = norm;
        for (int j = k + 1; j < n; j++) {
            double dot = a(k, j);
            for (int i = k + 1; i < m; i++) dot += a(i, k) * a(i, j);
            a(k, j) -= factors[k] * dot;
            for (int i = k + 1; i < m; i++) a(i, j) -= factors[k] * dot * a(i, k);
        }
    }
    return Success;
}
Status cusolverDnDorgqr_bufferSize(void *h, int m, int n, int k, const double *, int step, const double *, int *size) { return room(h, m >= n && n == k && step >= m, size); }
Status cusolverDnDorgqr(void *h, int m, int n, int k, double *at, int step, const double *factors, double *work, int size, int *info) {
    if (const Status bad = begun(h, m >= n && n == k && step >= m && isRoom(work, size))) return bad;
    const Columns a = { at, step };
    std::vector<double> whole((int64_t)m * n);
    const Columns q = { whole.data(), m };
    for (int j = 0; j < n; j++) {
        q(j, j) = 1;
        for (int p = n - 1; p >= 0; p--) {
            double dot = q(p, j);
            for (int i = p + 1; i < m; i++) dot += a(i, p) * q(i, j);
            q(p, j) -= factors[p] * dot;
            for (int i = p + 1; i < m; i++) q(i, j) -= factors[p] * dot * a(i, p);
        }
    }
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) a(i, j) = q(i, j);
    *info = 0;
    return Success;
}
Status cusolverDnDsyevd_bufferSize(void *h, int vectors, int half, int n, const double *, int step, const double *, int *size) { return room(h, vectors == 1 && half == 0 && step >= n, size); }
Status cusolverDnDsyevd(void *h, int vectors, int half, int n, double *at, int step, double *values, double *work, int size, int *info) {
    if (const Status bad = begun(h, vectors == 1 && half == 0 && step >= n && isRoom(work, size))) return bad;
    const Columns a = { at, step };
    for (int j = 0; j < n; j++)
        for (int i = 0; i < j; i++) a(i, j) = a(j, i);
    std::vector<double> room((int64_t)n * n);
    const Columns v = { room.data(), n };
    diagonalize(a, v, n);
    std::vector<int> order(n);
    for (int i = 0; i < n; i++) order[i] = i;
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++)
            if (a(order[j], order[j]) < a(order[i], order[i])) std::swap(order[i], order[j]);
    for (int j = 0; j < n; j++) values[j] = a(order[j], order[j]);
    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++) a(i, j) = v(i, order[j]);
    *info = 0;
    return Success;
}
Status cusolverDnDgesvd_bufferSize(void *h, int m, int n, int *size) { return room(h, m >= n && n > 0, size); }
Status cusolverDnDgesvd(
    void *h, signed char left, signed char right, int m, int n, double *at, int step, double *values, double *u, int stepU, double *vt, int stepV, double *work, int size, double *, int *info) {
    if (const Status bad = begun(h, left == 'S' && right == 'S' && m >= n && step >= m && stepU >= m && stepV >= n && isRoom(work, size))) return bad;
    const Columns a = { at, step }, uc = { u, stepU }, vc = { vt, stepV };
    std::vector<double> room((int64_t)n * n), norms(n);
    const Columns v = { room.data(), n };
    orthogonalize(a, v, m, n);
    std::vector<int> order(n);
    for (int j = 0; j < n; j++) {
        order[j] = j;
        for (int i = 0; i < m; i++) norms[j] += a(i, j) * a(i, j);
        norms[j] = std::sqrt(norms[j]);
    }
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++)
            if (norms[order[j]] > norms[order[i]]) std::swap(order[i], order[j]);
    for (int j = 0; j < n; j++) {
        values[j] = norms[order[j]];
        for (int i = 0; i < m; i++) uc(i, j) = a(i, order[j]) / norms[order[j]];
        for (int i = 0; i < n; i++) vc(j, i) = v(i, order[j]);
    }
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) a(i, j) = NAN;
    *info = 0;
    return Success;
}
}
