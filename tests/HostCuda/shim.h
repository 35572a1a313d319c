// The part of CUDA C++ that the kernels use, for one thread of an ordinary processor. The blocks of a grid run one after another; the threads
// of a block are fibers, each run until it ends or waits at a barrier, then the next. What runs first is chosen by whoever launches, so
// that a missing barrier shows as a result that depends on it.
typedef unsigned long size_t;
extern "C" {
void *malloc(size_t); void *memcpy(void *, const void *, size_t);
float expf(float); float expm1f(float); float logf(float); float log1pf(float); float sqrtf(float); float sinf(float); float cosf(float);
float tanf(float); float asinf(float); float acosf(float); float atanf(float); float sinhf(float); float coshf(float); float tanhf(float);
float asinhf(float); float acoshf(float); float atanhf(float); float erff(float); float erfcf(float); float floorf(float); float ceilf(float); float rintf(float);
float fabsf(float); float fmodf(float, float); float powf(float, float); float atan2f(float, float); float fmaf(float, float, float);
double exp(double); double expm1(double); double log(double); double log1p(double); double sqrt(double); double sin(double); double cos(double);
double tan(double); double asin(double); double acos(double); double atan(double); double sinh(double); double cosh(double); double tanh(double);
double asinh(double); double acosh(double); double atanh(double); double erf(double); double erfc(double); double floor(double); double ceil(double); double rint(double);
double fabs(double); double fmod(double, double); double pow(double, double); double atan2(double, double); double fma(double, double, double);
}

#define __device__
#define __global__ __attribute__((visibility("default")))
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

static inline float __int_as_float(int x) { float y; __builtin_memcpy(&y, &x, 4); return y; }
static inline int __float_as_int(float x) { int y; __builtin_memcpy(&y, &x, 4); return y; }
static inline double __longlong_as_double(long long x) { double y; __builtin_memcpy(&y, &x, 8); return y; }
static inline long long __double_as_longlong(double x) { long long y; __builtin_memcpy(&y, &x, 8); return y; }
static inline unsigned long long atomicCAS(unsigned long long *at, unsigned long long from, unsigned long long to) {
    const unsigned long long was = *at;
    if (was == from) *at = to;
    return was;
}

struct Three { unsigned x, y, z; };
static Three threadIdx, blockIdx, blockDim, gridDim;

enum { ShimThreads = 1024, ShimStack = 64 * 1024 };
struct Fiber { void *stack; char *memory; int state; };
static Fiber shim_fibers[ShimThreads];
static char *shim_free[ShimThreads];
static int shim_free_count, shim_current, shim_live, shim_arrived, shim_generation, shim_or[2];
static void *shim_host;
static void (*shim_kernel)(void **);
static void **shim_arguments;

// What the lanes of a warp exchange, and how many of them are there and have come.
struct ShimWarp {
    int live, arrived, generation;
    const unsigned short *rows[32];
    float a[16][16], b[16][8];
    int words[32];
};
static ShimWarp shim_warps[ShimThreads / 32];
struct ShimCopy { void *to; const void *from; bool is; };
enum { ShimCopies = 64 };
static ShimCopy shim_copies[ShimThreads][ShimCopies];
static int shim_copies_count[ShimThreads];

static void shim_release_warp(ShimWarp *warp) {
    warp->arrived = 0;
    warp->generation++;
}

static void shim_release() {
    shim_or[1 - shim_generation % 2] = 0;
    shim_arrived = 0;
    shim_generation++;
}

static void shim_thread() {
    Fiber *own = &shim_fibers[shim_current];
    shim_kernel(shim_arguments);
    own->state = 2;
    ShimWarp *warp = &shim_warps[threadIdx.x / 32];
    if (--warp->live > 0 && warp->arrived == warp->live) shim_release_warp(warp);
    if (--shim_live > 0 && shim_arrived == shim_live) shim_release();
    void *gone;
    shim_switch(&gone, shim_host);
}

static void shim_yield() {
    const int own = shim_current;
    shim_switch(&shim_fibers[own].stack, shim_host);
}

static void __syncthreads() {
    const int generation = shim_generation;
    if (++shim_arrived == shim_live) {
        shim_release();
        return;
    }
    while (shim_generation == generation) shim_yield();
}

// Whoever comes first finds the word of this generation at 0: it is set so when the one before ends.
static int __syncthreads_or(int x) {
    const int word = shim_generation % 2;
    shim_or[word] |= x;
    __syncthreads();
    return shim_or[word];
}

static ShimWarp *shim_lanes() {
    ShimWarp *warp = &shim_warps[threadIdx.x / 32];
    const int generation = warp->generation;
    if (++warp->arrived == warp->live) shim_release_warp(warp);
    else while (warp->generation == generation) shim_yield();
    return warp;
}

// A lane's word from another of its warp; one that is not there has none to give.
static inline int __shfl_sync(unsigned, int x, int from) {
    const int lane = threadIdx.x % 32, known = threadIdx.x / 32 * 32 + from % 32 < (int)blockDim.x;
    shim_warps[threadIdx.x / 32].words[lane] = x;
    const int other = known ? shim_lanes()->words[from % 32] : (shim_lanes(), 0x7fc0dead);
    shim_lanes();
    return other;
}

// Copies that are under way are done when they are waited for, and not before; one that begins where it may not brings no numbers.
static inline void ad_copyLater(void *to, const void *from, bool is) {
    const int t = threadIdx.x;
    const ShimCopy copy = {to, from, is};
    if (shim_copies_count[t] < ShimCopies) shim_copies[t][shim_copies_count[t]++] = copy;
}
static inline void ad_arrived() {
    const int t = threadIdx.x;
    for (int i = 0; i < shim_copies_count[t]; i++) {
        const ShimCopy c = shim_copies[t][i];
        if ((unsigned long)c.to % 16 || (unsigned long)c.from % 16) __builtin_memset(c.to, 0xFF, 16);
        else if (c.is) __builtin_memcpy(c.to, c.from, 16);
        else __builtin_memset(c.to, 0, 16);
    }
    shim_copies_count[t] = 0;
}

// Four matrices of 8 by 8 words of 16 bits: lanes 8 i to 8 i + 7 say where matrix i's rows begin, and lane l is given, of row l / 4, the words
// 2 (l % 4) and the next; turned, of column l / 4, those of these rows (PTX ISA, ldmatrix).
static inline unsigned shim_pair(const unsigned short *low, const unsigned short *high) { return *low | (unsigned)*high << 16; }
static const unsigned short shim_nan[8] = {0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF};
static inline void shim_matrices(unsigned *r, const void *row, bool turned) {
    const int lane = threadIdx.x % 32, l4 = lane / 4, l2 = lane % 4 * 2;
    shim_warps[threadIdx.x / 32].rows[lane] = (unsigned long)row % 16 ? shim_nan : (const unsigned short *)row;
    ShimWarp *warp = shim_lanes();
    for (int i = 0; i < 4; i++)
        r[i] = turned ? shim_pair(warp->rows[i * 8 + l2] + l4, warp->rows[i * 8 + l2 + 1] + l4) : shim_pair(warp->rows[i * 8 + l4] + l2, warp->rows[i * 8 + l4] + l2 + 1);
    shim_lanes();
}
static inline void ad_loadMatrices(unsigned *r, const void *row) { shim_matrices(r, row, false); }
static inline void ad_loadTurned(unsigned *r, const void *row) { shim_matrices(r, row, true); }

// To the nearest of 11 bits, ties away from zero; the multiplication looks at those bits alone.
static inline unsigned ad_tf32(float x) { return x - x == 0 ? ((unsigned)__float_as_int(x) + 0x1000u) & ~0x1fffu : (unsigned)__float_as_int(x); }

static inline float shim_half(unsigned bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size = exponent == 0 ? fraction : fraction + 1024;
    for (int e = 24; e > (exponent == 0 ? 0 : exponent - 1); e--) size *= 0.5f;
    for (int e = 25; e < exponent; e++) size *= 2;
    if (exponent == 31) size = __int_as_float(fraction ? 0x7fc00000 : 0x7f800000);
    return bits & 0x8000u ? -size : size;
}
static inline float shim_brain(unsigned bits) { return __int_as_float((int)(bits << 16)); }

// D = A B + C for a warp, 16 by 8 over K: which lane holds which elements is the PTX ISA's table for mma.m16n8k16 and mma.m16n8k8 (.tf32).
template <int K> static inline void shim_multiply(float *c) {
    const int lane = threadIdx.x % 32, group = lane >> 2, inGroup = lane % 4;
    ShimWarp *warp = shim_lanes();
    for (int i = 0; i < 4; i++) {
        const int row = i < 2 ? group : group + 8, column = inGroup * 2 + (i & 1);
        double sum = c[i];
        for (int k = 0; k < K; k++) sum += (double)warp->a[row][k] * warp->b[k][column];
        c[i] = (float)sum;
    }
    shim_lanes();
}
template <class Read> static inline void shim_multiply16(float *c, const unsigned *a, const unsigned *b, Read read) {
    const int lane = threadIdx.x % 32, group = lane >> 2, inGroup = lane % 4;
    ShimWarp *warp = &shim_warps[threadIdx.x / 32];
    for (int i = 0; i < 8; i++)
        warp->a[(i < 2 || (i >= 4 && i < 6)) ? group : group + 8][inGroup * 2 + (i & 1) + (i >= 4 ? 8 : 0)] = read(a[i / 2] >> i % 2 * 16 & 0xffffu);
    for (int i = 0; i < 4; i++) warp->b[inGroup * 2 + (i & 1) + (i >= 2 ? 8 : 0)][group] = read(b[i / 2] >> i % 2 * 16 & 0xffffu);
    shim_multiply<16>(c);
}
static inline void ad_mmaHalf(float *c, const unsigned *a, const unsigned *b) { shim_multiply16(c, a, b, shim_half); }
static inline void ad_mmaBrain(float *c, const unsigned *a, const unsigned *b) { shim_multiply16(c, a, b, shim_brain); }
static inline void ad_mmaTf32(float *c, const unsigned *a, const unsigned *b) {
    const int lane = threadIdx.x % 32, group = lane >> 2, inGroup = lane % 4;
    ShimWarp *warp = &shim_warps[threadIdx.x / 32];
    for (int i = 0; i < 4; i++) warp->a[i == 0 || i == 2 ? group : group + 8][i < 2 ? inGroup : inGroup + 4] = __int_as_float((int)(a[i] & ~0x1fffu));
    for (int i = 0; i < 2; i++) warp->b[i == 0 ? inGroup : inGroup + 4][group] = __int_as_float((int)(b[i] & ~0x1fffu));
    shim_multiply<8>(c);
}

static void shim_resume(int t) {
    Fiber *fiber = &shim_fibers[t];
    if (fiber->state == 0) {
        fiber->memory = shim_free_count > 0 ? shim_free[--shim_free_count] : (char *)malloc(ShimStack);
        char *top = (char *)(((unsigned long)(fiber->memory + ShimStack) & ~15ul) - 32);
        void **stack = (void **)top;
#if defined(__x86_64__)
        stack[1] = 0;
        stack[0] = (void *)shim_thread;
        stack -= ShimSaved;
        for (int i = 0; i < ShimSaved; i++) stack[i] = 0;
#else
        stack = (void **)(top - 160);
        for (int i = 0; i < 20; i++) stack[i] = 0;
        stack[11] = (void *)shim_thread;
#endif
        fiber->stack = stack;
        fiber->state = 1;
    }
    shim_current = t;
    threadIdx.x = t;
    shim_switch(&shim_host, fiber->stack);
    if (fiber->state == 2) shim_free[shim_free_count++] = fiber->memory;
}

// Runs a kernel. A thread that has ended is not waited for at barriers.
static void shim_run(void (*kernel)(void **), void **arguments, unsigned long long columns, unsigned rows, int threads, int backwards) {
    shim_kernel = kernel;
    shim_arguments = arguments;
    blockDim.x = threads; blockDim.y = blockDim.z = 1;
    gridDim.x = (unsigned)columns; gridDim.y = rows; gridDim.z = 1;
    const unsigned long long blocks = columns * rows;
    for (unsigned long long b = 0; b < blocks; b++) {
        const unsigned long long block = backwards ? blocks - 1 - b : b;
        blockIdx.x = (unsigned)(block % columns); blockIdx.y = (unsigned)(block / columns); blockIdx.z = 0;
        shim_live = threads;
        shim_arrived = shim_generation = shim_or[0] = shim_or[1] = 0;
        for (int t = 0; t < threads; t++) {
            shim_fibers[t].state = 0;
            shim_copies_count[t] = 0;
        }
        for (int w = 0; w * 32 < threads; w++) {
            shim_warps[w].live = threads - w * 32 < 32 ? threads - w * 32 : 32;
            shim_warps[w].arrived = shim_warps[w].generation = 0;
        }
        while (shim_live > 0) {
            for (int i = 0; i < threads; i++) {
                const int t = backwards ? threads - 1 - i : i;
                if (shim_fibers[t].state != 2) shim_resume(t);
            }
        }
    }
}

template <int... I> struct Places {};
template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
template <int... I> struct Count<0, I...> { typedef Places<I...> Type; };
template <class... A> static constexpr int shim_arity(void (*)(A...)) { return (int)sizeof...(A); }
template <class T> static inline T shim_argument(void **arguments, int i) { return *(T *)arguments[i]; }
template <class... A, int... I> static inline void shim_call(void (*kernel)(A...), void **arguments, Places<I...>) { kernel(shim_argument<A>(arguments, I)...); }
template <class... A> static inline void shim_apply(void (*kernel)(A...), void **arguments) { shim_call(kernel, arguments, typename Count<sizeof...(A)>::Type()); }
