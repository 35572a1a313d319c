// Elements as whole numbers ordered as they are: -0 is 0, and all NaN are the greatest; turned around to descend, but for NaN.
template <class T> struct Key;
template <> struct Key<u8> { static __device__ __forceinline__ u64 of(u8 x, bool down) { const u64 k = x != 0; return down ? ~k : k; } };
template <> struct Key<int> { static __device__ __forceinline__ u64 of(int x, bool down) { const u64 k = (u64)((i64)x ^ (i64)0x8000000000000000ull); return down ? ~k : k; } };
template <> struct Key<i64> { static __device__ __forceinline__ u64 of(i64 x, bool down) { const u64 k = (u64)x ^ 0x8000000000000000ull; return down ? ~k : k; } };
template <> struct Key<double> {
    static __device__ __forceinline__ u64 of(double x, bool down) {
        if (x != x) return ~0ull;
        const i64 bits = __double_as_longlong(x == 0 ? 0.0 : x);
        const u64 k = bits < 0 ? (u64)~bits : (u64)bits ^ 0x8000000000000000ull;
        return down ? ~0ull - 1 - k : k;
    }
};
template <> struct Key<float> { static __device__ __forceinline__ u64 of(float x, bool down) { return Key<double>::of((double)x, down); } };

// Where an element of one of two neighbouring runs comes among both: equal ones keep their order.
AD int ad_rank(const u64 *keys, int t, int width, int count) {
    const int start = t / (2 * width) * (2 * width);
    const int middle = start + width < count ? start + width : count, end = start + 2 * width < count ? start + 2 * width : count;
    const u64 key = keys[t];
    const bool first = t < middle;
    int low = first ? middle : start, high = first ? end : middle;
    const int from = low;
    while (low < high) {
        const int half = (low + high) / 2;
        if (first ? keys[half] < key : keys[half] <= key) low = half + 1; else high = half;
    }
    return start + (first ? t - start : t - middle) + (low - from);
}

// Sorts up to W keys in shared memory, one a thread, and says where they were.
template <int W> AD void ad_sortBlock(u64 key, int count, u64 *outKey, int *outPlace) {
    __shared__ u64 keys[2][W];
    __shared__ int places[2][W];
    const int t = threadIdx.x;
    int now = 0;
    if (t < count) {
        keys[0][t] = key;
        places[0][t] = t;
    }
    __syncthreads();
    for (int width = 1; width < count; width *= 2) {
        if (t < count) {
            const int to = ad_rank(keys[now], t, width, count);
            keys[1 - now][to] = keys[now][t];
            places[1 - now][to] = places[now][t];
        }
        now = 1 - now;
        __syncthreads();
    }
    if (t < count) {
        *outKey = keys[now][t];
        *outPlace = places[now][t];
    }
}
