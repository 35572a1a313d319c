// Products of matrices that functors read and write, batch by batch: BM by BN of the result a block, TM by TN a thread, K in pieces of BK.
// What the right functor says lies outside adds nothing, not even if the other factor is infinite.
template <class T> AD bool ad_finite(T x) { return x - x == 0; }

template <class T, int BM, int BN, int BK, int TM, int TN, bool AlongLeft, bool AlongRight, class L, class R, class W>
AD void ad_matrix(const L &left, const R &right, const W &write, int m, int n, int k) {
    const int threads = (BM / TM) * (BN / TN);
    __shared__ T a[BK][BM + 1];
    __shared__ T b[BK][BN + 1];
    const int t = threadIdx.x, tx = t % (BN / TN), ty = t / (BN / TN);
    const int columns = (n + BN - 1) / BN;
    const int row0 = (int)(blockIdx.x / columns) * BM, column0 = (int)(blockIdx.x % columns) * BN;
    for (int batch = blockIdx.y; batch < W::batches; batch += gridDim.y) {
        T sum[TM][TN];
        #pragma unroll
        for (int i = 0; i < TM; i++)
            #pragma unroll
            for (int j = 0; j < TN; j++) sum[i][j] = 0;
        for (int k0 = 0; k0 < k; k0 += BK) {
            int odd = 0;
            for (int at = t; at < BM * BK; at += threads) {
                const int i = AlongLeft ? at / BK : at % BM, p = AlongLeft ? at % BK : at / BM;
                const T x = row0 + i < m && k0 + p < k ? left.at(batch, row0 + i, k0 + p) : (T)0;
                if (R::checks) odd |= !ad_finite(x);
                a[p][i] = x;
            }
            for (int at = t; at < BN * BK; at += threads) {
                const int j = AlongRight ? at / BK : at % BN, p = AlongRight ? at % BK : at / BN;
                b[p][j] = column0 + j < n && k0 + p < k && (!R::checks || right.inside(k0 + p, column0 + j)) ? right.at(batch, k0 + p, column0 + j) : (T)0;
            }
            odd = R::checks ? __syncthreads_or(odd) : (__syncthreads(), 0);
            const int steps = k - k0 < BK ? k - k0 : BK;
            for (int p = 0; p < steps; p++) {
                T x[TM], y[TN];
                #pragma unroll
                for (int i = 0; i < TM; i++) x[i] = a[p][ty + i * (BM / TM)];
                #pragma unroll
                for (int j = 0; j < TN; j++) y[j] = b[p][tx + j * (BN / TN)];
                if (odd) {
                    for (int j = 0; j < TN; j++) {
                        const int column = column0 + tx + j * (BN / TN);
                        if (column < n && right.inside(k0 + p, column))
                            for (int i = 0; i < TM; i++) sum[i][j] = ad_multiplyAdd(x[i], y[j], sum[i][j]);
                    }
                } else {
                    #pragma unroll
                    for (int i = 0; i < TM; i++)
                        #pragma unroll
                        for (int j = 0; j < TN; j++) sum[i][j] = ad_multiplyAdd(x[i], y[j], sum[i][j]);
                }
            }
            __syncthreads();
        }
        #pragma unroll
        for (int i = 0; i < TM; i++)
            #pragma unroll
            for (int j = 0; j < TN; j++) {
                const int row = row0 + ty + i * (BM / TM), column = column0 + tx + j * (BN / TN);
                if (row < m && column < n) write.at(batch, row, column, sum[i][j]);
            }
    }
}

// A block for each element of the result: for few elements of many products each.
template <class T, class L, class R, class W> AD void ad_dots(const L &left, const R &right, const W &write, int m, int n, int k) {
    __shared__ T sums[256];
    const int row = (int)(blockIdx.x / n), column = (int)(blockIdx.x % n), t = threadIdx.x;
    for (int batch = blockIdx.y; batch < W::batches; batch += gridDim.y) {
        T sum = 0;
        for (int p = t; p < k; p += 256)
            if (!R::checks || right.inside(p, column)) sum = ad_multiplyAdd(left.at(batch, row, p), right.at(batch, p, column), sum);
        sums[t] = sum;
        for (int step = 128; step > 0; step /= 2) {
            __syncthreads();
            if (t < step) sums[t] = ad_add(sums[t], sums[t + step]);
        }
        if (t == 0) write.at(batch, row, column, sums[0]);
        __syncthreads();
    }
}
