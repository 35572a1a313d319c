// What every module begins with: names of types, and the elementwise functions with the meaning that Pointwise states.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#define AD static __device__ __forceinline__

template <class T> struct __align__(sizeof(T) > 4 ? 16 : 4 * sizeof(T)) Four { T v[4]; };

// The first thing found wrong: its number, and the value that is to blame.
AD void ad_fail(i64 *error, int code, i64 value) {
    if (atomicCAS((u64 *)error, 0ull, (u64)code) == 0ull) error[1] = value;
}

AD float ad_infinity(float) { return __int_as_float(0x7f800000); }
AD double ad_infinity(double) { return __longlong_as_double(0x7ff0000000000000ll); }
AD float ad_nan(float) { return __int_as_float(0x7fc00000); }
AD double ad_nan(double) { return __longlong_as_double(0x7ff8000000000000ll); }
AD bool ad_minus(float x) { return __float_as_int(x) < 0; }
AD bool ad_minus(double x) { return __double_as_longlong(x) < 0; }

AD int ad_negate(int x) { return (int)(0u - (u32)x); }
AD i64 ad_negate(i64 x) { return (i64)(0ull - (u64)x); }
AD float ad_negate(float x) { return -x; }
AD double ad_negate(double x) { return -x; }
AD int ad_abs(int x) { return x < 0 ? ad_negate(x) : x; }
AD i64 ad_abs(i64 x) { return x < 0 ? ad_negate(x) : x; }
AD float ad_abs(float x) { return fabsf(x); }
AD double ad_abs(double x) { return fabs(x); }
AD int ad_sign(int x) { return (x > 0) - (x < 0); }
AD i64 ad_sign(i64 x) { return (x > 0) - (x < 0); }
AD float ad_sign(float x) { return x > 0 ? 1.0f : x < 0 ? -1.0f : x; }
AD double ad_sign(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : x; }

#define AD_FLOAT1(name, single, wide) \
    AD float ad_##name(float x) { return single(x); } \
    AD double ad_##name(double x) { return wide(x); }
AD_FLOAT1(exp, expf, exp)
AD_FLOAT1(expm1, expm1f, expm1)
AD_FLOAT1(log, logf, log)
AD_FLOAT1(log1p, log1pf, log1p)
AD_FLOAT1(sqrt, sqrtf, sqrt)
AD_FLOAT1(sin, sinf, sin)
AD_FLOAT1(cos, cosf, cos)
AD_FLOAT1(tan, tanf, tan)
AD_FLOAT1(asin, asinf, asin)
AD_FLOAT1(acos, acosf, acos)
AD_FLOAT1(atan, atanf, atan)
AD_FLOAT1(sinh, sinhf, sinh)
AD_FLOAT1(cosh, coshf, cosh)
AD_FLOAT1(tanh, tanhf, tanh)
AD_FLOAT1(asinh, asinhf, asinh)
AD_FLOAT1(acosh, acoshf, acosh)
AD_FLOAT1(atanh, atanhf, atanh)
AD_FLOAT1(erf, erff, erf)
AD_FLOAT1(erfc, erfcf, erfc)
AD_FLOAT1(floor, floorf, floor)
AD_FLOAT1(ceil, ceilf, ceil)
AD_FLOAT1(round, rintf, rint)

AD float ad_rsqrt(float x) { return 1.0f / sqrtf(x); }
AD double ad_rsqrt(double x) { return 1.0 / sqrt(x); }
AD double ad_sigmoid(double x) {
    const double e = exp(-fabs(x));
    return (x >= 0 ? 1.0 : e) / (1.0 + e);
}
AD float ad_sigmoid(float x) {
    const float e = expf(-fabsf(x));
    return (x >= 0 ? 1.0f : e) / (1.0f + e);
}

AD bool ad_not(bool x) { return !x; }
AD bool ad_and(bool a, bool b) { return a && b; }
AD bool ad_or(bool a, bool b) { return a || b; }
AD bool ad_xor(bool a, bool b) { return a != b; }

#define AD_WRAPPING(name, op) \
    AD int ad_##name(int a, int b) { return (int)((u32)a op (u32)b); } \
    AD i64 ad_##name(i64 a, i64 b) { return (i64)((u64)a op (u64)b); } \
    AD float ad_##name(float a, float b) { return a op b; } \
    AD double ad_##name(double a, double b) { return a op b; }
AD_WRAPPING(add, +)
AD_WRAPPING(subtract, -)
AD_WRAPPING(multiply, *)

AD float ad_divide(float a, float b) { return a / b; }
AD double ad_divide(double a, double b) { return a / b; }
AD float ad_remainder(float a, float b) { return fmodf(a, b); }
AD double ad_remainder(double a, double b) { return fmod(a, b); }
template <class T> AD T ad_quotient(T a, T b, i64 *error, int code) {
    if (b == 0) {
        ad_fail(error, code, 0);
        return 0;
    }
    return b == -1 ? ad_negate(a) : (T)(a / b);
}
template <class T> AD T ad_rest(T a, T b, i64 *error, int code) {
    if (b == 0) {
        ad_fail(error, code, 0);
        return 0;
    }
    return b == -1 ? (T)0 : (T)(a % b);
}

AD float ad_power(float a, float b) { return powf(a, b); }
AD double ad_power(double a, double b) { return pow(a, b); }
AD float ad_atan2(float a, float b) { return atan2f(a, b); }
AD double ad_atan2(double a, double b) { return atan2(a, b); }
template <class T> AD T ad_scale(T a, T b) { return a == 0 || b == 0 ? (T)0 : a * b; }

AD bool ad_maximum(bool a, bool b) { return a || b; }
AD bool ad_minimum(bool a, bool b) { return a && b; }
AD int ad_maximum(int a, int b) { return a > b ? a : b; }
AD int ad_minimum(int a, int b) { return a < b ? a : b; }
AD i64 ad_maximum(i64 a, i64 b) { return a > b ? a : b; }
AD i64 ad_minimum(i64 a, i64 b) { return a < b ? a : b; }
// NaN if either is, and 0 above -0.
#define AD_EXTREME(T) \
    AD T ad_maximum(T a, T b) { return a != a ? a : b != b ? b : a > b ? a : b > a ? b : ad_minus(a) ? b : a; } \
    AD T ad_minimum(T a, T b) { return a != a ? a : b != b ? b : a < b ? a : b < a ? b : ad_minus(a) ? a : b; }
AD_EXTREME(float)
AD_EXTREME(double)

template <class T> AD bool ad_equal(T a, T b) { return a == b; }
template <class T> AD bool ad_notEqual(T a, T b) { return a != b; }
template <class T> AD bool ad_less(T a, T b) { return a < b; }
template <class T> AD bool ad_lessEqual(T a, T b) { return a <= b; }
template <class T> AD T ad_select(bool a, T b, T c) { return a ? b : c; }

AD int ad_multiplyAdd(int a, int b, int c) { return ad_add(ad_multiply(a, b), c); }
AD i64 ad_multiplyAdd(i64 a, i64 b, i64 c) { return ad_add(ad_multiply(a, b), c); }
AD float ad_multiplyAdd(float a, float b, float c) { return fmaf(a, b, c); }
AD double ad_multiplyAdd(double a, double b, double c) { return fma(a, b, c); }

// Casts: to the nearest; of floats to integers toward zero, to the nearest value of the type, 0 of NaN.
template <class To, class From> struct Cast { static __device__ __forceinline__ To of(From x) { return (To)x; } };
template <class From> struct Cast<bool, From> { static __device__ __forceinline__ bool of(From x) { return x != 0; } };
template <> struct Cast<int, i64> { static __device__ __forceinline__ int of(i64 x) { return (int)(u32)(u64)x; } };
AD int ad_toInt(double x) { return x != x ? 0 : x >= 2147483647.0 ? 2147483647 : x <= -2147483648.0 ? (-2147483647 - 1) : (int)x; }
AD i64 ad_toLong(double x) {
    return x != x ? 0 : x >= 9223372036854775808.0 ? 9223372036854775807ll : x <= -9223372036854775808.0 ? (-9223372036854775807ll - 1) : (i64)x;
}
template <> struct Cast<int, float> { static __device__ __forceinline__ int of(float x) { return ad_toInt(x); } };
template <> struct Cast<int, double> { static __device__ __forceinline__ int of(double x) { return ad_toInt(x); } };
template <> struct Cast<i64, float> { static __device__ __forceinline__ i64 of(float x) { return ad_toLong(x); } };
template <> struct Cast<i64, double> { static __device__ __forceinline__ i64 of(double x) { return ad_toLong(x); } };

// Floats of 16 bits: kept so, computed as float. To the nearest, ties to even; NaN becomes quiet. The same steps as the host's, so the same bits.
struct f16 { u16 bits; };
struct bf16 { u16 bits; };
template <class H> AD H ad_half(u32 bits) {
    H h;
    h.bits = (u16)bits;
    return h;
}
AD u32 ad_rounded(u32 bits, int dropped) { return bits + ((1u << (dropped - 1)) - 1u) + ((bits >> dropped) & 1u); }
template <> struct Cast<float, bf16> {
    static __device__ __forceinline__ float of(bf16 x) { return __int_as_float((int)((u32)x.bits << 16)); }
};
template <> struct Cast<bf16, float> {
    static __device__ __forceinline__ bf16 of(float x) {
        const u32 bits = (u32)__float_as_int(x);
        return ad_half<bf16>((x != x ? bits | 0x400000u : ad_rounded(bits, 16)) >> 16);
    }
};
template <> struct Cast<float, f16> {
    static __device__ __forceinline__ float of(f16 x) {
        const u32 size = (x.bits & 0x7fffu) << 13, least = 113u << 23, apart = 112u << 23;
        const u32 wide = size >= (31u << 23) ? size + apart + apart
            : size < (1u << 23) ? (u32)__float_as_int(__int_as_float((int)(size + least)) - __int_as_float((int)least)) : size + apart;
        return __int_as_float((int)(wide | (x.bits & 0x8000u) << 16));
    }
};
template <> struct Cast<f16, float> {
    static __device__ __forceinline__ f16 of(float x) {
        const u32 bits = (u32)__float_as_int(x), size = bits & 0x7fffffffu, apart = 112u << 23;
        const u32 narrow = size > 0x7f800000u ? ((size >> 13) & 0x3ffu) | 0x7e00u
            : size >= (143u << 23) ? 0x7c00u
            : size < (113u << 23) ? (u32)__float_as_int(__int_as_float((int)size) + 0.5f) - 0x3f000000u
            : (ad_rounded(size, 13) - apart) >> 13;
        return ad_half<f16>(narrow | (bits >> 16 & 0x8000u));
    }
};
// Rounded to the float whose last bit is 1, it rounds to fewer bits as it would have at once.
AD float ad_toOdd(double x) {
    const float near = (float)x;
    const u32 bits = (u32)__float_as_int(near);
    return near == x || x != x || (bits & 1u) ? near : __int_as_float((int)(fabs((double)near) > fabs(x) ? bits - 1u : bits + 1u));
}
AD double ad_toOdd(i64 x) {
    u64 size = x < 0 ? 0ull - (u64)x : (u64)x;
    if (size >> 53) size = (size >> 11 | ((size & 2047ull) != 0)) << 11;
    return x < 0 ? -(double)size : (double)size;
}
template <> struct Cast<f16, double> { static __device__ __forceinline__ f16 of(double x) { return Cast<f16, float>::of(ad_toOdd(x)); } };
template <> struct Cast<bf16, double> { static __device__ __forceinline__ bf16 of(double x) { return Cast<bf16, float>::of(ad_toOdd(x)); } };
template <> struct Cast<f16, i64> { static __device__ __forceinline__ f16 of(i64 x) { return Cast<f16, double>::of(ad_toOdd(x)); } };
template <> struct Cast<bf16, i64> { static __device__ __forceinline__ bf16 of(i64 x) { return Cast<bf16, double>::of(ad_toOdd(x)); } };
