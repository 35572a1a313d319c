// What goes on while elements are combined. Joining goes by a tree whose form depends on the sizes alone.
template <class T> struct Sum {
    typedef T Result;
    T s;
    static __device__ __forceinline__ Sum none() { Sum a; a.s = 0; return a; }
    __device__ __forceinline__ void add(T x, int) { s = ad_add(s, x); }
    __device__ __forceinline__ void join(const Sum &b) { s = ad_add(s, b.s); }
    __device__ __forceinline__ T result() const { return s; }
};

// Sums of singles are kept in double: 2^24 + 8 ones give exactly that.
template <> struct Sum<float> {
    typedef float Result;
    double s;
    static __device__ __forceinline__ Sum none() { Sum a; a.s = 0; return a; }
    __device__ __forceinline__ void add(float x, int) { s += x; }
    __device__ __forceinline__ void join(const Sum &b) { s += b.s; }
    __device__ __forceinline__ double result() const { return s; }
};

// With what each rounding left out (Knuth 1969, 4.2.2).
template <> struct Sum<double> {
    typedef double Result;
    double s, c;
    static __device__ __forceinline__ Sum none() { Sum a; a.s = 0; a.c = 0; return a; }
    __device__ __forceinline__ void add(double x, int) {
        const double t = s + x, part = t - s;
        c += (s - (t - part)) + (x - part);
        s = t;
    }
    __device__ __forceinline__ void join(const Sum &b) { add(b.s, 0); c += b.c; }
    __device__ __forceinline__ double result() const { const double t = s + c; return t - t == 0 ? t : s; }
};

AD Sum<float> ad_scaled(Sum<float> a, double factor) { a.s *= factor; return a; }
AD Sum<double> ad_scaled(Sum<double> a, double factor) { a.s *= factor; a.c *= factor; return a; }

// The least and greatest values of types.
template <class T> struct Bounds {
    static __device__ __forceinline__ T least() { return -ad_infinity((T)0); }
    static __device__ __forceinline__ T greatest() { return ad_infinity((T)0); }
};
template <> struct Bounds<int> {
    static __device__ __forceinline__ int least() { return -2147483647 - 1; }
    static __device__ __forceinline__ int greatest() { return 2147483647; }
};
template <> struct Bounds<i64> {
    static __device__ __forceinline__ i64 least() { return -9223372036854775807ll - 1; }
    static __device__ __forceinline__ i64 greatest() { return 9223372036854775807ll; }
};
template <> struct Bounds<bool> {
    static __device__ __forceinline__ bool least() { return false; }
    static __device__ __forceinline__ bool greatest() { return true; }
};

template <class T> struct Max {
    typedef T Result;
    T s;
    static __device__ __forceinline__ Max none() { Max a; a.s = Bounds<T>::least(); return a; }
    __device__ __forceinline__ void add(T x, int) { s = ad_maximum(s, x); }
    __device__ __forceinline__ void join(const Max &b) { s = ad_maximum(s, b.s); }
    __device__ __forceinline__ T result() const { return s; }
};

template <class T> struct Min {
    typedef T Result;
    T s;
    static __device__ __forceinline__ Min none() { Min a; a.s = Bounds<T>::greatest(); return a; }
    __device__ __forceinline__ void add(T x, int) { s = ad_minimum(s, x); }
    __device__ __forceinline__ void join(const Min &b) { s = ad_minimum(s, b.s); }
    __device__ __forceinline__ T result() const { return s; }
};

// The first of the extremes, before all of them the first NaN; there is none yet while the place is negative.
template <class T, bool Largest> struct Arg {
    typedef int Result;
    T s;
    int at;
    static __device__ __forceinline__ Arg none() { Arg a; a.s = 0; a.at = -1; return a; }
    __device__ __forceinline__ void add(T x, int i) { Arg b; b.s = x; b.at = i; join(b); }
    __device__ __forceinline__ void join(const Arg &b) {
        if (b.at < 0) return;
        const bool nan = s != s, other = b.s != b.s;
        const bool ties = nan || other ? nan && other : s == b.s;
        const bool better = nan ? false : other ? true : Largest ? b.s > s : b.s < s;
        if (at < 0 || better || (ties && b.at < at)) *this = b;
    }
    __device__ __forceinline__ int result() const { return at < 0 ? 0 : at; }
};
template <class T> struct ArgMax : Arg<T, true> {
    static __device__ __forceinline__ ArgMax none() { ArgMax a; a.s = 0; a.at = -1; return a; }
};
template <class T> struct ArgMin : Arg<T, false> {
    static __device__ __forceinline__ ArgMin none() { ArgMin a; a.s = 0; a.at = -1; return a; }
};

// The sum of exponentials of elements less one of them, which may be at most 1 less than the largest: in one pass, and without overflow (Milakov and
// Gimelshein 2018). It holds where the largest is finite; an infinite one, or NaN, is for whoever goes through the row again.
template <class T> struct Online {
    Sum<T> sum;
    T least;
    static __device__ __forceinline__ Online none() { return of(-ad_infinity((T)0), Sum<T>::none()); }
    static __device__ __forceinline__ Online of(T least, Sum<T> sum) { Online a; a.sum = sum; a.least = least; return a; }
    __device__ __forceinline__ void add(T x) {
        if (x > least + (T)1) {
            sum = above(x);
            least = x;
        }
        if (x - x == 0) sum.add(ad_exp(x - least), 0);
    }
    __device__ __forceinline__ void join(const Online &b) {
        const T largest = ad_maximum(least, b.least);
        if (!(largest - largest == 0)) return;
        sum = above(largest);
        sum.join(b.above(largest));
        least = largest;
    }
    static __device__ __forceinline__ bool holds(T largest, T shift) { return largest - largest == 0 && shift - shift == 0; }
    __device__ __forceinline__ Sum<T> above(T shift) const { return least - least == 0 ? ad_scaled(sum, exp((double)least - (double)shift)) : Sum<T>::none(); }
};

// Joins what the threads of a team hold, Y threads X apart, into what its first holds. Y is a power of 2.
template <class A, int X, int Y> AD void ad_team(A *shared, int y) {
    for (int step = Y / 2; step > 0; step /= 2) {
        __syncthreads();
        if (y < step) shared[threadIdx.x].join(shared[threadIdx.x + step * X]);
    }
    __syncthreads();
}

// What another lane of the warp holds. Blocks of fewer threads have one warp that is not whole.
template <class A> struct Words { int w[(sizeof(A) + 3) / 4]; };
template <class A> AD A ad_fromLane(const A &own, int lane) {
    const unsigned all = blockDim.x < 32 ? (1u << blockDim.x) - 1u : 0xffffffffu;
    Words<A> words = {};
    memcpy(&words, &own, sizeof(A));
    #pragma unroll
    for (int i = 0; i < (int)(sizeof(A) + 3) / 4; i++) words.w[i] = __shfl_sync(all, words.w[i], lane);
    A other;
    memcpy(&other, &words, sizeof(A));
    return other;
}

// What the threads of a team hold, joined, for all of them. Neighbours are joined within their warps, and then warp by warp; threads X apart by a tree.
template <class A, int X, int Y> AD A ad_joined(A *shared, A own, int y) {
    if (X > 1) {
        shared[threadIdx.x] = own;
        ad_team<A, X, Y>(shared, y);
        const A all = shared[threadIdx.x - y * X];
        __syncthreads();
        return all;
    }
    const int lane = threadIdx.x % 32, near = Y < 32 ? Y : 32;
    #pragma unroll
    for (int step = near / 2; step > 0; step /= 2) {
        const A other = ad_fromLane(own, lane + step < 32 ? lane + step : lane);
        if (lane % near < step) own.join(other);
    }
    if (Y <= 32) return ad_fromLane(own, lane / near * near);
    if (lane == 0) shared[threadIdx.x / 32] = own;
    __syncthreads();
    const int first = (threadIdx.x - y) / 32;
    own = shared[first];
    for (int w = 1; w < Y / 32; w++) own.join(shared[first + w]);
    __syncthreads();
    return own;
}
