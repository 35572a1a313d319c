using System.Globalization;

namespace Ad.Tensors.Cuda;

/// <summary>
/// Contractions and convolutions as batches of matrix products over functors that find an element wherever it lies: no operand is copied or
/// unfolded first. Few results of many products each have a block for each of them.
/// </summary>
internal static class ContractLaunches
{
    private const long FewResults = 4096;
    private const long ManyProducts = 512;
    private const int MostBatches = 65535;

    public static LaunchStep Contract(Operation.Contract contract, View left, View right, int target)
    {
        var (l, r) = Arranged(contract, left.Layout, right.Layout);
        var (batch, summed) = (contract.LeftBatch.Count, contract.LeftSummed.Count);
        var (rows, columns) = (Part(l, batch, l.Rank - summed), Part(r, batch + summed, r.Rank));
        var (leftSum, rightSum) = (Part(l, l.Rank - summed, l.Rank), Part(r, batch, batch + summed));
        var (batchLeft, batchRight) = (Part(l, 0, batch), Part(r, 0, batch));
        var size = new Sizes(Count(batchLeft), Count(rows), Count(columns), Count(leftSum));
        var element = CudaText.Name(left.Type);
        var functors = $$"""
            struct @L {
                const {{element}} *p;
                __device__ __forceinline__ {{element}} at(u32 batch, u32 row, u32 k) const { return p[(i64){{Signed(left.Layout.Offset)}} + {{Place(batchLeft, "batch")}} + {{Place(rows, "row")}} + {{Place(leftSum, "k")}}]; }
            };
            struct @R {
                const {{element}} *p;
                static const bool checks = false;
                __device__ __forceinline__ bool inside(u32, u32) const { return true; }
                __device__ __forceinline__ {{element}} at(u32 batch, u32 k, u32 column) const { return p[(i64){{Signed(right.Layout.Offset)}} + {{Place(batchRight, "batch")}} + {{Place(rightSum, "k")}} + {{Place(columns, "column")}}]; }
            };
            struct @W {
                {{element}} *p;
                static const int batches = {{size.Batches}};
                __device__ __forceinline__ void at(u32 batch, u32 row, u32 column, {{element}} x) const { p[((i64)batch * {{size.M}} + row) * {{size.N}} + column] = x; }
            };

            """;
        return Step(
            $"contract {left} {right} as [{size.Batches}, {size.M}, {size.N}] over {size.K} -> s{target}",
            functors, left.Type, size, IsNear(leftSum, rows), IsNear(rightSum, columns), left.Slot, right.Slot, target);
    }

    public static LaunchStep Convolve(Operation.Convolve convolve, View image, View kernel, int target, Shape result)
    {
        var spatial = result.Rank - 3;
        var (x, w) = (image.Layout, kernel.Layout);
        var positions = 1L;
        var taps = 1L;
        for (var axis = 0; axis < spatial; axis++)
        {
            positions *= result[axis + 3];
            taps *= w.Sizes[axis + 3];
        }

        var size = new Sizes(result[1], result[2], Checked(result[0] * positions), Checked(x.Sizes[2] * taps));
        var element = CudaText.Name(image.Type);
        var (place, inside) = ("", "true");
        long after = 1, tapsAfter = 1;
        for (var axis = spatial - 1; axis >= 0; axis--)
        {
            var one = convolve.Axis(axis, new Shape(x.Sizes), new Shape(w.Sizes), result);
            var at = string.Create(
                CultureInfo.InvariantCulture,
                $"((i64)(column / {after}u % {Math.Max(1, one.Outputs)}u) * {one.Stride} + (i64)(k / {tapsAfter}u % {Math.Max(1, one.Taps)}u) * {one.Dilation} - ({one.Low}))");
            inside += $" && {at} >= 0 && {at} % {one.InputDilation} == 0 && {at} / {one.InputDilation} < {one.Input}";
            place += $" + {at} / {one.InputDilation} * {Signed(x.Strides[axis + 3])}";
            after *= Math.Max(1, one.Outputs);
            tapsAfter *= Math.Max(1, one.Taps);
        }

        var sums = new Layout([.. w.Sizes[2..]], [.. w.Strides[2..]], 0);
        var functors = $$"""
            struct @L {
                const {{element}} *p;
                __device__ __forceinline__ {{element}} at(u32 batch, u32 row, u32 k) const { return p[(i64){{Signed(w.Offset)}} + batch * {{Signed(w.Strides[0])}} + row * {{Signed(w.Strides[1])}} + {{Place(sums, "k")}}]; }
            };
            struct @R {
                const {{element}} *p;
                static const bool checks = true;
                __device__ __forceinline__ bool inside(u32 k, u32 column) const { return {{inside}}; }
                __device__ __forceinline__ {{element}} at(u32 batch, u32 k, u32 column) const { return p[(i64){{Signed(x.Offset)}} + column / {{after}}u * {{Signed(x.Strides[0])}} + batch * {{Signed(x.Strides[1])}} + k / {{tapsAfter}}u * {{Signed(x.Strides[2])}}{{place}}]; }
            };
            struct @W {
                {{element}} *p;
                static const int batches = {{size.Batches}};
                __device__ __forceinline__ void at(u32 batch, u32 row, u32 column, {{element}} x) const { p[(((i64)(column / {{after}}u) * {{size.Batches}} + batch) * {{size.M}} + row) * {{after}} + column % {{after}}u] = x; }
            };

            """;
        return Step(
            $"convolve {image} {kernel} as [{size.Batches}, {size.M}, {size.N}] over {size.K} -> s{target}",
            functors, image.Type, size, true, false, kernel.Slot, image.Slot, target);
    }

    private static LaunchStep Step(
        string text, string functors, DType type, Sizes size, bool alongLeft, bool alongRight, int left, int right, int target)
    {
        if (type == DType.Bool)
        {
            throw new ArgumentException($"The operation {text.Split(' ')[0]} does not take bool.");
        }

        var element = CudaText.Name(type);
        var isDots = size.M * (long)size.N * size.Batches <= FewResults && size.K >= ManyProducts;
        var (tile, each, depth) = size.M >= 128 && size.N >= 128 && type == DType.Float32 ? (128, 8, 8)
            : size.M > 32 && size.N > 32 ? (64, 4, 16) : (32, 2, 16);
        var call = isDots ? $"ad_dots<{element}>"
            : $"ad_matrix<{element}, {tile}, {tile}, {depth}, {each}, {each}, {(alongLeft ? "true" : "false")}, {(alongRight ? "true" : "false")}>";
        var body = $$"""
            {{functors}}extern "C" __global__ void __launch_bounds__(256) @(const {{element}} *left, const {{element}} *right, {{element}} *result) {
                @L l; l.p = left;
                @R r; r.p = right;
                @W w; w.p = result;
                {{call}}(l, r, w, {{size.M}}, {{size.N}}, {{size.K}});
            }

            """;
        var blocks = isDots ? size.M * (long)size.N : (size.M + tile - 1L) / tile * ((size.N + tile - 1L) / tile);
        Launch[] launches = size.Batches == 0 || size.M == 0 || size.N == 0 || size.K == 0 ? []
            : [new Launch(body, ["matrix"], new Grid(blocks, Math.Min(size.Batches, MostBatches)), 256, [left, right, target])];
        return new LaunchStep(text, [left, right], [target], launches) 
        {
            Cleared = size.K == 0 ? [(target, (long)size.Batches * size.M * size.N * type.Size())] : [],
            Operations = 2L * size.Batches * size.M * size.N * size.K,
        };
    }

    // Batch, rows, summed, and batch, summed, columns.
    private static (Layout Left, Layout Right) Arranged(Operation.Contract contract, Layout left, Layout right)
    {
        int[] leftOrder = [.. contract.LeftBatch.Values, .. Free(left.Rank, contract.LeftBatch, contract.LeftSummed), .. contract.LeftSummed.Values];
        int[] rightOrder = [.. contract.RightBatch.Values, .. contract.RightSummed.Values, .. Free(right.Rank, contract.RightBatch, contract.RightSummed)];
        return (left.Permute(leftOrder), right.Permute(rightOrder));
    }

    private static IEnumerable<int> Free(int rank, Axes batch, Axes summed) =>
        Enumerable.Range(0, rank).Where(a => !batch.Contains(a) && !summed.Contains(a));

    private static Layout Part(Layout layout, int first, int bound) =>
        new(layout.Sizes[first..bound].ToArray(), layout.Strides[first..bound].ToArray(), 0);

    // Whether neighbours in the first lie nearer to each other than neighbours in the second.
    private static bool IsNear(Layout first, Layout second)
    {
        var (a, b) = (first.Collapse(), second.Collapse());
        return a.Rank > 0 && (b.Rank == 0 || Math.Abs(a.Strides[^1]) < Math.Abs(b.Strides[^1]));
    }

    private static int Count(Layout layout) => Checked(layout.Elements());

    private static int Checked(long count) => count <= int.MaxValue ? (int)count
        : throw new NotSupportedException($"A product of matrices on the device cuda has at most 2^31 - 1 rows, columns and products, but here are {count}.");

    private static string Place(Layout layout, string e) => CudaText.Place(layout, e, false) is var text && CudaText.IsWide(0, layout)
        ? CudaText.Place(layout, $"(u64){e}", true) : text;

    private static string Signed(long value) => CudaText.Signed(value, true);

    private sealed record Sizes(int Batches, int M, int N, int K);
}
