// Threefry-2x32 with 20 rounds (Salmon et al. 2011): element i is made of counter i alone.
AD void ad_rounds(u32 &x, u32 &y, int a, int b, int c, int d) {
    x += y; y = ((y << a) | (y >> (32 - a))) ^ x;
    x += y; y = ((y << b) | (y >> (32 - b))) ^ x;
    x += y; y = ((y << c) | (y >> (32 - c))) ^ x;
    x += y; y = ((y << d) | (y >> (32 - d))) ^ x;
}

AD u64 ad_words(int first, int second, u64 counter) {
    const u32 k0 = (u32)first, k1 = (u32)second, k2 = 0x1BD11BDAu ^ k0 ^ k1;
    u32 x = (u32)counter + k0, y = (u32)(counter >> 32) + k1;
    ad_rounds(x, y, 13, 15, 26, 6);
    x += k1; y += k2 + 1u;
    ad_rounds(x, y, 17, 29, 16, 24);
    x += k2; y += k0 + 2u;
    ad_rounds(x, y, 13, 15, 26, 6);
    x += k0; y += k1 + 3u;
    ad_rounds(x, y, 17, 29, 16, 24);
    x += k1; y += k2 + 4u;
    ad_rounds(x, y, 13, 15, 26, 6);
    x += k2; y += k0 + 5u;
    return ((u64)y << 32) | x;
}

template <class T> struct Random;
template <> struct Random<int> { static __device__ __forceinline__ int of(u64 w) { return (int)(u32)w; } };
template <> struct Random<i64> { static __device__ __forceinline__ i64 of(u64 w) { return (i64)w; } };
template <> struct Random<float> { static __device__ __forceinline__ float of(u64 w) { return (float)((u32)w >> 8) * 5.9604644775390625e-8f; } };
template <> struct Random<double> { static __device__ __forceinline__ double of(u64 w) { return (double)(i64)(w >> 11) * 1.1102230246251565e-16; } };
