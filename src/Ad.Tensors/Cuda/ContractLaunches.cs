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

    // Tiles at once on a large device; and what a piece of a sum must have to be worth a block, and writing and reading its results.
    private const long EnoughBlocks = 132;
    private const int LeastPiece = 256;
    private const int MostPieces = 64;

    // A piece begins where a tile does.
    private const int Deepest = 32;

    public static LaunchStep Contract(Operation.Contract contract, View left, View right, int target, MatrixMeans means, Func<long, int> room)
    {
        var (l, r) = Arranged(contract, left.Layout, right.Layout);
        var (batch, summed) = (contract.LeftBatch.Count, contract.LeftSummed.Count);
        var (rows, columns) = (Part(l, batch, l.Rank - summed), Part(r, batch + summed, r.Rank));
        var (leftSum, rightSum) = (Part(l, l.Rank - summed, l.Rank), Part(r, batch, batch + summed));
        var (batchLeft, batchRight) = (Part(l, 0, batch), Part(r, 0, batch));
        var size = new Sizes(Count(batchLeft), Count(rows), Count(columns), Count(leftSum));
        var type = CudaText.Computed(left.Type);
        var element = CudaText.Name(type);
        var functors = $$"""
            struct @L {
                typedef {{CudaText.Stored(left.Type)}} Element;
                const Element *p;
                __device__ __forceinline__ int depth(u32) const { return {{size.K}}; }
                __device__ __forceinline__ const Element *where(u32 batch, u32 row, u32 k) const { return p + ((i64){{Signed(left.Layout.Offset)}} + {{Place(batchLeft, "batch")}} + {{Place(rows, "row")}} + {{Place(leftSum, "k")}}); }
                __device__ __forceinline__ {{element}} at(u32 batch, u32 row, u32 k) const { return {{CudaText.Widened(left.Type, "*where(batch, row, k)")}}; }
            };
            struct @R {
                typedef {{CudaText.Stored(right.Type)}} Element;
                const Element *p;
                static const bool checks = false;
                __device__ __forceinline__ bool inside(u32, u32) const { return true; }
                __device__ __forceinline__ const Element *where(u32 batch, u32 k, u32 column) const { return p + ((i64){{Signed(right.Layout.Offset)}} + {{Place(batchRight, "batch")}} + {{Place(rightSum, "k")}} + {{Place(columns, "column")}}); }
                __device__ __forceinline__ {{element}} at(u32 batch, u32 k, u32 column) const { return {{CudaText.Widened(right.Type, "*where(batch, k, column)")}}; }
            };
            """;
        return Step(
            $"contract {left} {right} as [{size.Batches}, {size.M}, {size.N}] over {size.K} -> s{target}",
            functors, $"((i64)batch * {size.M} + row) * {size.N} + column", type, size,
            new Factor(left, rows, leftSum, batchLeft, IsNear(leftSum, rows)), new Factor(right, columns, rightSum, batchRight, IsNear(rightSum, columns)), target, means, room);
    }

    public static LaunchStep Convolve(Operation.Convolve convolve, View image, View kernel, int target, Shape result, MatrixMeans means, Func<long, int> room)
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
        var type = CudaText.Computed(image.Type);
        var element = CudaText.Name(type);
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
                typedef {{CudaText.Stored(kernel.Type)}} Element;
                const Element *p;
                __device__ __forceinline__ int depth(u32) const { return {{size.K}}; }
                __device__ __forceinline__ const Element *where(u32 batch, u32 row, u32 k) const { return p + ((i64){{Signed(w.Offset)}} + batch * {{Signed(w.Strides[0])}} + row * {{Signed(w.Strides[1])}} + {{Place(sums, "k")}}); }
                __device__ __forceinline__ {{element}} at(u32 batch, u32 row, u32 k) const { return {{CudaText.Widened(kernel.Type, "*where(batch, row, k)")}}; }
            };
            struct @R {
                typedef {{CudaText.Stored(image.Type)}} Element;
                const Element *p;
                static const bool checks = true;
                __device__ __forceinline__ bool inside(u32 k, u32 column) const { return {{inside}}; }
                __device__ __forceinline__ const Element *where(u32 batch, u32 k, u32 column) const { return p + ((i64){{Signed(x.Offset)}} + column / {{after}}u * {{Signed(x.Strides[0])}} + batch * {{Signed(x.Strides[1])}} + k / {{tapsAfter}}u * {{Signed(x.Strides[2])}}{{place}}); }
                __device__ __forceinline__ {{element}} at(u32 batch, u32 k, u32 column) const { return {{CudaText.Widened(image.Type, "*where(batch, k, column)")}}; }
            };
            """;
        return Step(
            $"convolve {image} {kernel} as [{size.Batches}, {size.M}, {size.N}] over {size.K} -> s{target}",
            functors, $"(((i64)(column / {after}u) * {size.Batches} + batch) * {size.M} + row) * {after} + column % {after}u", type, size,
            new Factor(kernel, Alone(w, 1), sums, Alone(w, 0), true), new Factor(image, sums, sums, sums, false), target, means, room);
    }

    private static LaunchStep Step(
        string text, string functors, string place, DType type, Sizes size, Factor leftFactor, Factor rightFactor, int target, MatrixMeans means, Func<long, int> room)
    {
        var (left, right) = (leftFactor.View, rightFactor.View);
        if (type == DType.Bool)
        {
            throw new ArgumentException($"The operation {text.Split(' ')[0]} does not take bool.");
        }

        var element = CudaText.Name(type);
        var isDots = IsDots(size.Batches, size.M, size.N, size.K);
        var staged = isDots ? null : StagedTiles.Of(means, leftFactor, rightFactor, size.M, size.N);
        var (tile, each) = staged is { } s ? (s.Tile, 0) : size.M > 32 && size.N > 32 ? (64, 4) : (32, 2);
        var call = isDots ? $"ad_dots<{element}>"
            : staged?.Call ?? $"ad_matrix<{element}, {tile}, {tile}, 16, {each}, {each}, {(leftFactor.Deep ? "true" : "false")}, {(rightFactor.Deep ? "true" : "false")}>";
        string[] parts = staged is null ? ["matrix"] : ["matrix", "staged"];
        var blocks = isDots ? size.M * (long)size.N : (size.M + tile - 1L) / tile * ((size.N + tile - 1L) / tile);
        var isNothing = size.Batches == 0 || size.M == 0 || size.N == 0 || size.K == 0;
        var pieces = isNothing || isDots ? 1 : Pieces(blocks * size.Batches, size.K);
        pieces = (long)pieces * size.Batches <= MostBatches ? pieces : 1;
        var products = pieces == 1 ? size.K : (((size.K + pieces - 1) / pieces) + Deepest - 1) / Deepest * Deepest;
        pieces = isNothing ? 1 : (size.K + products - 1) / products;
        var sums = pieces > 1 ? room(pieces * (long)size.Batches * size.M * size.N * type.Size()) : -1;
        return Build(null);

        LaunchStep Build(PointwiseGroup? group)
        {
            var write = group is null ? ProductWriter.Of(element, size.Batches, place, target) : ProductWriter.Of(element, size.Batches, place, target, group);
            var product = new Product(text, functors, call, parts, type, size, blocks, left, right, write);
            var step = pieces > 1 ? InPieces(product, pieces, products, sums) : Whole(product, isNothing);
            step.Absorb = group is null && !isNothing ? Build : null;
            return step;
        }
    }

    /// <summary>Whether so few results have so many products each that a block for each result is better than tiles.</summary>
    public static bool IsDots(int batches, int rows, int columns, int products) => rows * (long)columns * batches <= FewResults && products >= ManyProducts;

    private static LaunchStep Whole(Product product, bool isNothing)
    {
        var (size, write) = (product.Size, product.Write);
        var body = $$"""
            {{product.Functors}}{{write.Struct}}extern "C" __global__ void __launch_bounds__(256) @(const {{CudaText.Stored(product.Left.Type)}} *left, const {{CudaText.Stored(product.Right.Type)}} *right, {{write.Parameters}}) {
                @L l; l.p = left;
                @R r; r.p = right;
                @W w; {{write.Fields}}
                {{product.Call}}(l, r, w, {{size.M}}, {{size.N}}, {{size.K}});
            }

            """;
        Launch[] launches = isNothing ? []
            : [new Launch(body, [.. product.Parts, .. write.Parts], new Grid(product.Blocks, Math.Min(size.Batches, MostBatches)), 256, [product.Left.Slot, product.Right.Slot, .. write.Slots])];
        return new LaunchStep(product.Text + write.Text, [product.Left.Slot, product.Right.Slot, .. write.Reads], [.. write.Writes], launches)
        {
            Cleared = size.K == 0 ? [(write.Writes[0], (long)size.Batches * size.M * size.N * product.Type.Size())] : [],
            Operations = product.Operations,
        };
    }

    // Into how many pieces a long sum is cut where there are too few tiles to keep a device busy.
    private static int Pieces(long blocks, int k) =>
        blocks >= EnoughBlocks ? 1 : (int)Math.Max(1, Math.Min(Math.Min(2 * EnoughBlocks / blocks, MostPieces), k / LeastPiece));

    // Each piece of the sum is a product of its own, as one of more batches; a second kernel adds them, first to last.
    private static LaunchStep InPieces(Product product, int pieces, int each, int sums)
    {
        var (size, write) = (product.Size, product.Write);
        var element = CudaText.Name(product.Type);
        var results = (long)size.Batches * size.M * size.N;
        var first = $$"""
            {{product.Functors}}struct @PL {
                typedef @L::Element Element;
                @L l;
                __device__ __forceinline__ int depth(u32 b) const { return b % {{pieces}}u == {{pieces - 1}}u ? {{size.K - ((pieces - 1) * each)}} : {{each}}; }
                __device__ __forceinline__ const Element *where(u32 b, u32 row, u32 k) const { return l.where(b / {{pieces}}u, row, k + b % {{pieces}}u * {{each}}u); }
                __device__ __forceinline__ {{element}} at(u32 b, u32 row, u32 k) const { return k + b % {{pieces}}u * {{each}}u < {{size.K}}u ? l.at(b / {{pieces}}u, row, k + b % {{pieces}}u * {{each}}u) : ({{element}})0; }
            };
            struct @PR {
                typedef @R::Element Element;
                @R r;
                u32 from;
                __device__ __forceinline__ const Element *where(u32 b, u32 k, u32 column) const { return r.where(b / {{pieces}}u, k + from, column); }
                static const bool checks = @R::checks;
                __device__ __forceinline__ bool inside(u32 k, u32 column) const { return k + from < {{size.K}}u && r.inside(k + from, column); }
                __device__ __forceinline__ {{element}} at(u32 b, u32 k, u32 column) const { return k + from < {{size.K}}u ? r.at(b / {{pieces}}u, k + from, column) : ({{element}})0; }
            };
            struct @PW {
                {{element}} *p;
                static const int batches = {{size.Batches * pieces}};
                __device__ __forceinline__ void at(u32 b, u32 row, u32 column, {{element}} x) const { p[(((i64)b * {{size.M}}) + row) * {{size.N}} + column] = x; }
            };
            extern "C" __global__ void __launch_bounds__(256) @(const {{CudaText.Stored(product.Left.Type)}} *left, const {{CudaText.Stored(product.Right.Type)}} *right, {{element}} *sums) {
                @PL l; l.l.p = left;
                @PR r; r.r.p = right; r.from = blockIdx.y % {{pieces}}u * {{each}}u;
                @PW w; w.p = sums;
                {{product.Call}}(l, r, w, {{size.M}}, {{size.N}}, {{each}});
            }

            """;
        var second = $$"""
            {{write.Struct}}extern "C" __global__ void __launch_bounds__(256) @(const {{element}} *sums, {{write.Parameters}}) {
                const i64 e = (i64)blockIdx.x * 256 + threadIdx.x;
                if (e >= {{results}}ll) return;
                const i64 batch = e / {{(long)size.M * size.N}}ll, at = e % {{(long)size.M * size.N}}ll;
                {{element}} sum = 0;
                for (int piece = 0; piece < {{pieces}}; piece++) sum = ad_add(sum, sums[(batch * {{pieces}} + piece) * {{(long)size.M * size.N}}ll + at]);
                @W w; {{write.Fields}}
                w.at((u32)batch, (u32)(at / {{size.N}}), (u32)(at % {{size.N}}), sum);
            }

            """;
        return new LaunchStep(
            $"{product.Text} in {pieces} pieces{write.Text}",
            [product.Left.Slot, product.Right.Slot, .. write.Reads],
            [.. write.Writes, sums],
            [
                new Launch(first, product.Parts, new Grid(product.Blocks, size.Batches * pieces), 256, [product.Left.Slot, product.Right.Slot, sums]),
                new Launch(second, ["matrix", .. write.Parts], IndexLaunches.Blocks(results), 256, [sums, .. write.Slots]),
            ])
        {
            Operations = product.Operations,
        };
    }

    // Batch, rows, summed, and batch, summed, columns.
    internal static (Layout Left, Layout Right) Arranged(Operation.Contract contract, Layout left, Layout right)
    {
        int[] leftOrder = [.. contract.LeftBatch.Values, .. Free(left.Rank, contract.LeftBatch, contract.LeftSummed), .. contract.LeftSummed.Values];
        int[] rightOrder = [.. contract.RightBatch.Values, .. contract.RightSummed.Values, .. Free(right.Rank, contract.RightBatch, contract.RightSummed)];
        return (left.Permute(leftOrder), right.Permute(rightOrder));
    }

    // One axis by itself.
    private static Layout Alone(Layout layout, int axis) => Part(layout, axis, axis + 1);

    private static IEnumerable<int> Free(int rank, Axes batch, Axes summed) =>
        Enumerable.Range(0, rank).Where(a => !batch.Contains(a) && !summed.Contains(a));

    internal static Layout Part(Layout layout, int first, int bound) =>
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

    /// <summary>What a product's kernels are made of.</summary>
    private sealed record Product(
        string Text, string Functors, string Call, string[] Parts, DType Type, Sizes Size, long Blocks, View Left, View Right, ProductWriter Write)
    {
        public long Operations => (2L * Size.Batches * Size.M * Size.N * Size.K) + Write.Operations;
    }
}
