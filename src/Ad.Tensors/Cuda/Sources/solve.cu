// What goes before and after a library's decompositions: a block for each matrix, in double, column by column as the library has it.
enum { AsColumns, AsRows, Symmetric, LowerAsRows, UpperAsColumns };

// The matrix, m by n, as the library takes it; one that is not finite, if that is looked for, as the unit matrix, with its info set.
template <class T, int Form, bool Looks> AD void ad_given(const T *x, double *a, int *odd, int m, int n) {
    __shared__ int found;
    const i64 size = (i64)m * n;
    x += blockIdx.x * size;
    a += blockIdx.x * size;
    if (threadIdx.x == 0) found = 0;
    __syncthreads();
    if (Looks) {
        for (i64 e = threadIdx.x; e < size; e += 256)
            if (!(x[e] - x[e] == 0)) found = 1;
        __syncthreads();
        if (threadIdx.x == 0) odd[blockIdx.x] = found;
    }
    for (i64 e = threadIdx.x; e < size; e += 256) {
        const int i = (int)(e / n), j = (int)(e % n);
        const double v = found ? (double)(i == j) : Form == Symmetric ? 0.5 * ((double)x[e] + (double)x[(i64)j * n + i])
            : (Form == LowerAsRows && j > i) || (Form == UpperAsColumns && j < i) ? 0.0 : (double)x[e];
        a[Form == AsRows || Form == LowerAsRows ? e : (i64)j * m + i] = v;
    }
}

template <class T> AD void ad_notANumber(T *r, i64 size) {
    for (i64 e = threadIdx.x; e < size; e += 256) r[e] = ad_nan((T)0);
}

template <class T> AD void ad_lower(const double *a, const int *odd, const int *info, T *r, int n) {
    const i64 size = (i64)n * n;
    a += blockIdx.x * size;
    r += blockIdx.x * size;
    if (odd[blockIdx.x] || info[blockIdx.x]) return ad_notANumber(r, size);
    for (i64 e = threadIdx.x; e < size; e += 256) {
        const int i = (int)(e / n), j = (int)(e % n);
        r[e] = j <= i ? (T)a[(i64)j * n + i] : (T)0;
    }
}

// Exchanges of rows, one after another, as the order that they make.
template <class T> AD void ad_pivoted(const double *a, const int *pivots, T *r, int n) {
    const i64 size = (i64)n * n;
    a += blockIdx.x * size;
    r += blockIdx.x * (size + n);
    pivots += blockIdx.x * (i64)n;
    for (i64 e = threadIdx.x; e < size; e += 256) r[e] = (T)a[e % n * n + e / n];
    for (int i = threadIdx.x; i < n; i += 256) r[size + i] = (T)i;
    __syncthreads();
    if (threadIdx.x == 0)
        for (int k = 0; k < n; k++) {
            const int p = pivots[k] - 1;
            if (p <= k || p >= n) continue;
            const T other = r[size + p];
            r[size + p] = r[size + k];
            r[size + k] = other;
        }
}

template <class T> AD void ad_determinant(const double *a, const int *pivots, T *r, int n) {
    if (threadIdx.x != 0) return;
    double product = 1;
    for (int k = 0; k < n; k++) product *= pivots[blockIdx.x * (i64)n + k] == k + 1 ? a[blockIdx.x * (i64)n * n + (i64)k * n + k] : -a[blockIdx.x * (i64)n * n + (i64)k * n + k];
    r[blockIdx.x] = (T)product;
}

// No exchange of rows, for what is triangular already.
AD void ad_unpivoted(int *pivots, int n) {
    for (int k = threadIdx.x; k < n; k += 256) pivots[blockIdx.x * (i64)n + k] = k + 1;
}

template <class T> AD void ad_rows(const double *a, T *r, int m, int n) {
    const i64 size = (i64)m * n;
    for (i64 e = threadIdx.x; e < size; e += 256) r[blockIdx.x * size + e] = (T)a[blockIdx.x * size + e % n * m + e / n];
}

// R transposed with its diagonal not negative, and the signs that make it so.
template <class T> AD void ad_upper(const double *a, double *signs, T *r, int m, int n) {
    a += blockIdx.x * (i64)m * n;
    r += blockIdx.x * (i64)(m + n) * n + (i64)m * n;
    signs += blockIdx.x * (i64)n;
    for (int j = threadIdx.x; j < n; j += 256) signs[j] = a[(i64)j * m + j] < 0 ? -1.0 : 1.0;
    __syncthreads();
    for (i64 e = threadIdx.x; e < (i64)n * n; e += 256) {
        const int i = (int)(e / n), j = (int)(e % n);
        r[e] = i < j ? (T)0 : (T)(signs[j] * a[(i64)i * m + j]);
    }
}

template <class T> AD void ad_orthogonal(const double *q, const double *signs, T *r, int m, int n) {
    for (i64 e = threadIdx.x; e < (i64)m * n; e += 256)
        r[blockIdx.x * (i64)(m + n) * n + e] = (T)(signs[blockIdx.x * (i64)n + e % n] * q[blockIdx.x * (i64)m * n + e % n * m + e / n]);
}

// The sign of the largest of a column's elements; of two that are equal but for rounding the first counts.
AD double ad_signOfLargest(const double *x, i64 step, int count) {
    double largest = x[0];
    for (int i = 1; i < count; i++)
        if (fabs(x[i * step]) > 1.0001 * fabs(largest)) largest = x[i * step];
    return largest < 0 ? -1.0 : 1.0;
}

template <class T> AD void ad_eigen(const double *v, const double *w, const int *odd, const int *info, T *r, int n) {
    v += blockIdx.x * (i64)n * n;
    w += blockIdx.x * (i64)n;
    r += blockIdx.x * (i64)(n + 1) * n;
    if (odd[blockIdx.x] || info[blockIdx.x]) return ad_notANumber(r, (i64)(n + 1) * n);
    for (int j = threadIdx.x; j < n; j += 256) {
        const double sign = ad_signOfLargest(v + (i64)j * n, 1, n);
        for (int i = 0; i < n; i++) r[(i64)i * n + j] = (T)(sign * v[(i64)j * n + i]);
        r[(i64)n * n + j] = (T)w[j];
    }
}

// Of a matrix of at least as many rows as columns; Turned, of one that the library was given transposed.
template <class T, bool Turned> AD void ad_singular(const double *u, const double *vt, const double *s, const int *odd, const int *info, T *r, int m, int n) {
    const int c = m < n ? m : n, tall = m < n ? n : m;
    const i64 size = (i64)(m + n + 1) * c;
    u += blockIdx.x * (i64)tall * c;
    vt += blockIdx.x * (i64)c * c;
    r += blockIdx.x * size;
    if (odd[blockIdx.x] || info[blockIdx.x]) return ad_notANumber(r, size);
    for (int j = threadIdx.x; j < c; j += 256) {
        const double *left = Turned ? vt + j : u + (i64)j * tall, *right = Turned ? u + (i64)j * tall : vt + j;
        const i64 down = Turned ? c : 1, across = Turned ? 1 : c;
        const double sign = ad_signOfLargest(left, down, m);
        for (int i = 0; i < m; i++) r[(i64)i * c + j] = (T)(sign * left[i * down]);
        for (int i = 0; i < n; i++) r[(i64)(m + i) * c + j] = (T)(sign * right[i * across]);
        r[(i64)(m + n) * c + j] = (T)s[blockIdx.x * (i64)c + j];
    }
}
