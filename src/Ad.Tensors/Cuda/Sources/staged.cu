// Products of matrices by tiles: while one pair is multiplied, the next is on its way into shared memory. A tile is fetched by chunks of 16 bytes
// that go along the products (Deep) or along the rows, whichever are next to each other; Whole says that a chunk can be read as one.
template <class E> struct __align__(16) Chunk { E v[16 / sizeof(E)]; };

#if defined(__CUDA_ARCH__)
AD u32 ad_shared(const void *p) { return (u32)__cvta_generic_to_shared(p); }
#if __CUDA_ARCH__ >= 800
AD void ad_copyLater(void *to, const void *from, bool is) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(ad_shared(to)), "l"(from), "r"(is ? 16 : 0) : "memory");
}
AD void ad_arrived() { asm volatile("cp.async.wait_all;" ::: "memory"); }
AD void ad_loadMatrices(u32 *r, const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(ad_shared(row)) : "memory");
}
AD void ad_loadTurned(u32 *r, const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(ad_shared(row)) : "memory");
}
AD u32 ad_tf32(float x) {
    u32 r;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
    return r;
}
#define AD_MMA(name, shape) \
    AD void name(float *c, const u32 *a, const u32 *b) { \
        asm volatile("mma.sync.aligned." shape " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])); \
    }
AD_MMA(ad_mmaHalf, "m16n8k16.row.col.f32.f16.f16.f32")
AD_MMA(ad_mmaBrain, "m16n8k16.row.col.f32.bf16.bf16.f32")
AD_MMA(ad_mmaTf32, "m16n8k8.row.col.f32.tf32.tf32.f32")
#else
AD void ad_copyLater(void *to, const void *from, bool is) {
    const Chunk<u32> none = {};
    *(Chunk<u32> *)to = is ? *(const Chunk<u32> *)from : none;
}
AD void ad_arrived() { }
#endif
#endif

// Where element (row, product) of a tile lies, Layout saying which of them are next to each other.
template <int Rows, int Depth, int Padding, bool Layout> struct Tile {
    static const bool layout = Layout;
    static const int pitch = (Layout ? Depth : Rows) + Padding, size = (Layout ? Rows : Depth) * pitch;
    static __device__ __forceinline__ int at(int row, int k) { return Layout ? row * pitch + k : k * pitch + row; }
};

// Float32 by fused multiplications and additions: 8 by 8 results a thread, four next to each other twice in each direction.
template <class E> struct Plain {
    typedef E Element;
    static const int rows = 128, columns = 128, depth = 8, count = 64;
    typedef Tile<rows, depth, 4, false> Left;
    typedef Tile<columns, depth, 4, false> Right;
    E sum[count];
    static __device__ __forceinline__ E factor(E x) { return x; }
    static __device__ __forceinline__ int row(int i) { return (int)threadIdx.x / 16 * 4 + i / 32 * 64 + i / 8 % 4; }
    static __device__ __forceinline__ int column(int i) { return (int)threadIdx.x % 16 * 4 + i / 4 % 2 * 64 + i % 4; }
    __device__ __forceinline__ void add(const E *a, const E *b) {
        const int ty = threadIdx.x / 16, tx = threadIdx.x % 16;
        #pragma unroll
        for (int k = 0; k < depth; k++) {
            Chunk<E> x[2], y[2];
            #pragma unroll
            for (int h = 0; h < 2; h++) {
                x[h] = *(const Chunk<E> *)(a + Left::at(ty * 4 + h * 64, k));
                y[h] = *(const Chunk<E> *)(b + Right::at(tx * 4 + h * 64, k));
            }
            #pragma unroll
            for (int i = 0; i < count; i++) sum[i] = ad_multiplyAdd(x[i / 32].v[i / 8 % 4], y[i / 4 % 2].v[i % 4], sum[i]);
        }
    }
};

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
AD void ad_mma(f16, float *c, const u32 *a, const u32 *b) { ad_mmaHalf(c, a, b); }
AD void ad_mma(bf16, float *c, const u32 *a, const u32 *b) { ad_mmaBrain(c, a, b); }

// What the tensor cores' programs have in common: warps two by four, each with tiles of 16 by 8 results (PTX ISA, NVIDIA 2025, mma's fragments).
template <class E, int Size, int Depth, bool DeepLeft, bool DeepRight, int PadDeep, int PadWide> struct Warps {
    typedef E Element;
    static const int rows = Size, columns = Size, depth = Depth, down = Size / 32, across = Size / 32, count = down * across * 4;
    typedef Tile<rows, depth, DeepLeft ? PadDeep : PadWide, DeepLeft> Left;
    typedef Tile<columns, depth, DeepRight ? PadDeep : PadWide, DeepRight> Right;
    float sum[count];
    static __device__ __forceinline__ int firstRow() { return (int)threadIdx.x / 128 * (Size / 2); }
    static __device__ __forceinline__ int firstColumn() { return (int)threadIdx.x / 32 % 4 * (Size / 4); }
    static __device__ __forceinline__ int row(int i) { return firstRow() + i / (4 * across) * 16 + i / 2 % 2 * 8 + (int)threadIdx.x % 32 / 4; }
    static __device__ __forceinline__ int column(int i) { return firstColumn() + i / 4 % across * 8 + (int)threadIdx.x % 4 * 2 + i % 2; }
};

template <class E, int Size, bool DeepLeft, bool DeepRight> struct Tensor : Warps<E, Size, 32, DeepLeft, DeepRight, 8, 8> {
    typedef Warps<E, Size, 32, DeepLeft, DeepRight, 8, 8> W;
    static __device__ __forceinline__ float factor(E x) { return Cast<float, E>::of(x); }
    __device__ __forceinline__ void add(const E *a, const E *b) {
        const int lane = threadIdx.x % 32, near = lane & 7, second = lane >> 3 & 1, fourth = lane >> 4;
        #pragma unroll
        for (int k = 0; k < W::depth; k += 16) {
            u32 x[W::down][4], y[W::across / 2][4];
            #pragma unroll
            for (int i = 0; i < W::down; i++) {
                const E *from = a + W::Left::at(W::firstRow() + i * 16 + second * 8 + (DeepLeft ? near : 0), k + fourth * 8 + (DeepLeft ? 0 : near));
                if (DeepLeft) ad_loadMatrices(x[i], from); else ad_loadTurned(x[i], from);
            }
            #pragma unroll
            for (int j = 0; j < W::across / 2; j++) {
                const E *from = b + W::Right::at(W::firstColumn() + j * 16 + fourth * 8 + (DeepRight ? near : 0), k + second * 8 + (DeepRight ? 0 : near));
                if (DeepRight) ad_loadMatrices(y[j], from); else ad_loadTurned(y[j], from);
            }
            #pragma unroll
            for (int i = 0; i < W::down; i++)
                #pragma unroll
                for (int j = 0; j < W::across; j++) ad_mma(E(), this->sum + (i * W::across + j) * 4, x[i], y[j / 2] + j % 2 * 2);
        }
    }
};

// Float32 rounded to 11 bits of precision.
template <int Size, bool DeepLeft, bool DeepRight> struct Tf32 : Warps<float, Size, 16, DeepLeft, DeepRight, 4, 8> {
    typedef Warps<float, Size, 16, DeepLeft, DeepRight, 4, 8> W;
    static __device__ __forceinline__ float factor(float x) { return __int_as_float((int)ad_tf32(x)); }
    __device__ __forceinline__ void add(const float *a, const float *b) {
        const int near = threadIdx.x % 32 / 4, deep = threadIdx.x % 4;
        #pragma unroll
        for (int k = 0; k < W::depth; k += 8) {
            u32 x[W::down][4], y[W::across][2];
            #pragma unroll
            for (int i = 0; i < W::down; i++)
                #pragma unroll
                for (int r = 0; r < 4; r++) x[i][r] = ad_tf32(a[W::Left::at(W::firstRow() + i * 16 + r % 2 * 8 + near, k + r / 2 * 4 + deep)]);
            #pragma unroll
            for (int j = 0; j < W::across; j++)
                #pragma unroll
                for (int r = 0; r < 2; r++) y[j][r] = ad_tf32(b[W::Right::at(W::firstColumn() + j * 8 + near, k + r * 4 + deep)]);
            #pragma unroll
            for (int i = 0; i < W::down; i++)
                #pragma unroll
                for (int j = 0; j < W::across; j++) ad_mmaTf32(this->sum + (i * W::across + j) * 4, x[i], y[j]);
        }
    }
};

#endif

// The two factors alike, as rows of products.
template <class L> struct LeftSide {
    typedef typename L::Element Element;
    static const bool checks = false;
    const L &o;
    u32 batch;
    __device__ __forceinline__ LeftSide(const L &l, u32 b) : o(l), batch(b) { }
    __device__ __forceinline__ bool inside(u32, u32) const { return true; }
    __device__ __forceinline__ const Element *where(u32 row, u32 k) const { return o.where(batch, row, k); }
};
template <class R> struct RightSide {
    typedef typename R::Element Element;
    static const bool checks = R::checks;
    const R &o;
    u32 batch;
    __device__ __forceinline__ RightSide(const R &r, u32 b) : o(r), batch(b) { }
    __device__ __forceinline__ bool inside(u32 row, u32 k) const { return o.inside(k, row); }
    __device__ __forceinline__ const Element *where(u32 row, u32 k) const { return o.where(batch, k, row); }
};

// One factor's tiles on their way: straight into shared memory where chunks lie there as they do here, else by way of registers. Looks says that
// somebody wants to know whether an element is not finite.
template <class P, class S, class T, int Rows, bool Deep, bool Whole, bool Looks> struct Fetch {
    typedef typename P::Element E;
    static const int length = 16 / sizeof(E), each = Rows * P::depth / length / 256;
    static const bool later = Whole && Deep == T::layout && !Looks && !S::checks;
    Chunk<E> held[later ? 1 : each];
    static __device__ __forceinline__ int row(int chunk) { return Deep ? chunk / (P::depth / length) : chunk % (Rows / length) * length; }
    static __device__ __forceinline__ int product(int chunk) { return Deep ? chunk % (P::depth / length) * length : chunk / (Rows / length); }
    __device__ __forceinline__ int begin(const S &side, E *to, int row0, int rows, int k0, int depth) {
        int odd = 0;
        #pragma unroll
        for (int i = 0; i < each; i++) {
            const int chunk = threadIdx.x + i * 256, r = row0 + row(chunk), k = k0 + product(chunk);
            const bool is = r < rows && k < depth;
            if (later) ad_copyLater(to + T::at(row(chunk), product(chunk)), is ? side.where(r, k) : side.where(0, 0), is);
            else if (Whole && !S::checks) {
                const Chunk<E> none = {};
                held[i] = is ? *(const Chunk<E> *)side.where(r, k) : none;
            } else {
                #pragma unroll
                for (int v = 0; v < length; v++) {
                    const int rv = Deep ? r : r + v, kv = Deep ? k + v : k;
                    held[i].v[v] = rv < rows && kv < depth && side.inside(rv, kv) ? *side.where(rv, kv) : E();
                }
            }
            if (Looks)
                for (int v = 0; v < length; v++) odd |= !ad_finite(P::factor(held[i].v[v]));
        }
        return odd;
    }
    __device__ __forceinline__ void end(E *to) {
        if (later) return;
        #pragma unroll
        for (int i = 0; i < each; i++) {
            const int chunk = threadIdx.x + i * 256;
            if (Deep == T::layout) *(Chunk<E> *)(to + T::at(row(chunk), product(chunk))) = held[i];
            else
                #pragma unroll
                for (int v = 0; v < length; v++) to[T::at(row(chunk) + (Deep ? 0 : v), product(chunk) + (Deep ? v : 0))] = held[i].v[v];
        }
    }
};

template <class P, bool DeepLeft, bool DeepRight, bool WholeLeft, bool WholeRight, class L, class R, class W>
AD void ad_staged(const L &left, const R &right, const W &write, int m, int n, int) {
    typedef typename P::Element E;
    __shared__ __align__(16) E a[2][P::Left::size];
    __shared__ __align__(16) E b[2][P::Right::size];
    const int wide = (n + P::columns - 1) / P::columns, row0 = (int)(blockIdx.x / wide) * P::rows, column0 = (int)(blockIdx.x % wide) * P::columns;
    for (int batch = blockIdx.y; batch < W::batches; batch += gridDim.y) {
        const LeftSide<L> rows(left, batch);
        const RightSide<R> columns(right, batch);
        const int k = left.depth(batch);
        Fetch<P, LeftSide<L>, typename P::Left, P::rows, DeepLeft, WholeLeft, R::checks> x;
        Fetch<P, RightSide<R>, typename P::Right, P::columns, DeepRight, WholeRight, false> y;
        P own;
        #pragma unroll
        for (int i = 0; i < P::count; i++) own.sum[i] = 0;
        int odd = x.begin(rows, a[0], row0, m, 0, k), now = 0;
        y.begin(columns, b[0], column0, n, 0, k);
        x.end(a[0]);
        y.end(b[0]);
        for (int k0 = 0; k0 < k; k0 += P::depth, now = 1 - now) {
            ad_arrived();
            const int isOdd = R::checks ? __syncthreads_or(odd) : (__syncthreads(), 0);
            if (k0 + P::depth < k) {
                odd = x.begin(rows, a[1 - now], row0, m, k0 + P::depth, k);
                y.begin(columns, b[1 - now], column0, n, k0 + P::depth, k);
            }
            if (isOdd) {
                for (int p = 0; p < P::depth && k0 + p < k; p++)
                    #pragma unroll
                    for (int i = 0; i < P::count; i++)
                        if (column0 + P::column(i) < n && columns.inside(column0 + P::column(i), k0 + p))
                            own.sum[i] = ad_multiplyAdd(P::factor(a[now][P::Left::at(P::row(i), p)]), P::factor(b[now][P::Right::at(P::column(i), p)]), own.sum[i]);
            } else own.add(a[now], b[now]);
            if (k0 + P::depth < k) {
                x.end(a[1 - now]);
                y.end(b[1 - now]);
            }
        }
        #pragma unroll
        for (int i = 0; i < P::count; i++)
            if (row0 + P::row(i) < m && column0 + P::column(i) < n) write.at(batch, row0 + P::row(i), column0 + P::column(i), own.sum[i]);
        __syncthreads();
    }
}
