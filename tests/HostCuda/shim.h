// The part of CUDA C++ that the kernels use, for one thread of an ordinary processor. The blocks of a grid run one after another; the threads
// of a block are fibers, each run until it ends or waits at a barrier, then the next. What runs first is chosen by whoever launches, so
// that a missing barrier shows as a result that depends on it.
typedef unsigned long size_t;
extern "C" {
void *malloc(size_t);
float expf(float); float expm1f(float); float logf(float); float log1pf(float); float sqrtf(float); float sinf(float); float cosf(float);
float tanf(float); float asinf(float); float acosf(float); float atanf(float); float sinhf(float); float coshf(float); float tanhf(float);
float asinhf(float); float acoshf(float); float atanhf(float); float erff(float); float floorf(float); float ceilf(float); float rintf(float);
float fabsf(float); float fmodf(float, float); float powf(float, float); float atan2f(float, float); float fmaf(float, float, float);
double exp(double); double expm1(double); double log(double); double log1p(double); double sqrt(double); double sin(double); double cos(double);
double tan(double); double asin(double); double acos(double); double atan(double); double sinh(double); double cosh(double); double tanh(double);
double asinh(double); double acosh(double); double atanh(double); double erf(double); double floor(double); double ceil(double); double rint(double);
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

extern "C" void shim_switch(void **from, void *to);
#if defined(__x86_64__)
asm(R"(
.text
shim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
static const int ShimSaved = 6;
#elif defined(__aarch64__)
asm(R"(
.text
shim_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
)");
#else
#error "The shim switches fibers on x86-64 and arm64 alone."
#endif

static void shim_release() {
    shim_or[1 - shim_generation % 2] = 0;
    shim_arrived = 0;
    shim_generation++;
}

static void shim_thread() {
    Fiber *own = &shim_fibers[shim_current];
    shim_kernel(shim_arguments);
    own->state = 2;
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
        for (int t = 0; t < threads; t++) shim_fibers[t].state = 0;
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
template <class T> static inline T shim_argument(void **arguments, int i) { return *(T *)arguments[i]; }
template <class... A, int... I> static inline void shim_call(void (*kernel)(A...), void **arguments, Places<I...>) { kernel(shim_argument<A>(arguments, I)...); }
template <class... A> static inline void shim_apply(void (*kernel)(A...), void **arguments) { shim_call(kernel, arguments, typename Count<sizeof...(A)>::Type()); }
