namespace Ad.Tensors.Cuda;

/// <summary>Elements taken and added by index, and running sums.</summary>
internal static class IndexLaunches
{
    private const int Threads = 256;

    // With so few indices each element of the result looks through all of them.
    private const long FewIndices = 64;

    private static Failure OutOfRange(Indexing extents) =>
        new($"The operation {extents.Name} has index {{0}} for axis {extents.Axis}, whose size is {extents.AxisSize}.");

    public static LaunchStep Take(Indexing extents, View indexed, View indices, int target)
    {
        var elements = extents.Batches * extents.Before * extents.Indices * extents.Run;
        var type = CudaText.Stored(indexed.Type);
        var body = $$"""
            {{PlaceOf(extents, indices)}}extern "C" __global__ void __launch_bounds__({{Threads}}) @(const {{type}} *x, const {{CudaText.Stored(indices.Type)}} *indices, {{type}} *result, i64 *error, i64 code) {
                const u64 e = (u64)blockIdx.x * {{Threads}} + threadIdx.x;
                if (e >= {{elements}}ull) return;
                const u64 run = e % {{Math.Max(1, extents.Run)}}ull, rest = e / {{Math.Max(1, extents.Run)}}ull, j = rest % {{Math.Max(1, extents.Indices)}}ull, row = rest / {{Math.Max(1, extents.Indices)}}ull;
                const i64 place = @_place(indices, row / {{Math.Max(1, extents.Before)}}ull * {{extents.Indices}}ull + j, error, code);
                if (place >= 0) result[e] = x[{{indexed.Layout.Offset}}ll + (row * {{extents.AxisSize}}ull + place) * {{extents.Run}}ull + run];
            }

            """;
        return new LaunchStep(
            $"take {extents.Axis} {indexed} {indices} -> s{target}",
            [indexed.Slot, indices.Slot],
            [target],
            elements == 0 ? Checks(extents, indices) : [new Launch(body, [], Blocks(elements), Threads, [indexed.Slot, indices.Slot, target], OutOfRange(extents))]);
    }

    public static LaunchStep ScatterAdd(Indexing extents, View indices, View updates, int target, Func<long, int> room)
    {
        if (updates.Type == DType.Bool)
        {
            throw new ArgumentException("The operation scatterAdd does not take bool.");
        }

        var results = extents.Batches * extents.Before * extents.AxisSize * extents.Run;
        var added = extents.Batches * extents.Before * extents.Indices * extents.Run;
        var text = $"scatterAdd {extents.Axis} {indices} {updates} -> s{target}";
        if (added == 0 || results == 0)
        {
            return new LaunchStep(text, [indices.Slot, updates.Slot], [target], Checks(extents, indices)) { Cleared = [(target, results * updates.Type.Size())] };
        }

        if (extents.Indices <= FewIndices)
        {
            return new LaunchStep(text, [indices.Slot, updates.Slot], [target], [.. Checks(extents, indices), Searching(extents, indices, updates, target, results)])
            {
                Operations = added,
            };
        }

        // Equal indices come side by side, in their own order, once they are sorted; the first of each does the adding for all.
        var places = room(extents.Batches * extents.Indices * sizeof(int));
        var order = room(extents.Batches * extents.Indices * sizeof(int));
        var sort = SortLaunches.Of(new View(places, DType.Int32, new Layout([1], [1], 0)), order, new Extents(extents.Batches, extents.Indices, 1), false, room);
        return new LaunchStep(
            text,
            [indices.Slot, updates.Slot],
            [target, places, order, .. sort.Writes.Where(w => w != order)],
            [Placing(extents, indices, places), .. sort.Launches, Adding(extents, updates, places, order, target, added)])
        {
            Cleared = [(target, results * updates.Type.Size())],
            Operations = added,
        };
    }

    public static LaunchStep CumulativeSum(View operand, int target, Extents extents, bool reverse)
    {
        if (operand.Type == DType.Bool)
        {
            throw new ArgumentException("The operation cumulativeSum does not take bool.");
        }

        var element = CudaText.Name(operand.Type);
        var wide = operand.Type.IsFloat() ? "double" : element;
        var lines = extents.Outer * extents.Inner;
        var at = $"((line / {Math.Max(1, extents.Inner)}ll) * {extents.Reduced}ll + ({(reverse ? $"{extents.Reduced - 1}ll - i" : "i")})) * {extents.Inner}ll + line % {Math.Max(1, extents.Inner)}ll";
        var body = lines >= FewIndices * Threads || extents.Reduced <= Threads
            ? $$"""
            extern "C" __global__ void __launch_bounds__({{Threads}}) @(const {{element}} *x, {{element}} *result) {
                const i64 line = (i64)blockIdx.x * {{Threads}} + threadIdx.x;
                if (line >= {{lines}}ll) return;
                {{wide}} sum = 0;
                for (i64 i = 0; i < {{extents.Reduced}}ll; i++) {
                    const i64 at = {{at}};
                    sum = ad_add(sum, ({{wide}})x[{{operand.Layout.Offset}}ll + at]);
                    result[at] = ({{element}})sum;
                }
            }

            """
            : $$"""
            extern "C" __global__ void __launch_bounds__({{Threads}}) @(const {{element}} *x, {{element}} *result) {
                __shared__ {{wide}} sums[2][{{Threads}}];
                const i64 line = blockIdx.x;
                const int t = threadIdx.x;
                {{wide}} before = 0;
                for (i64 from = 0; from < {{extents.Reduced}}ll; from += {{Threads}}) {
                    const i64 i = from + t;
                    const i64 at = {{at}};
                    int now = 0;
                    sums[0][t] = i < {{extents.Reduced}}ll ? ({{wide}})x[{{operand.Layout.Offset}}ll + at] : ({{wide}})0;
                    __syncthreads();
                    for (int step = 1; step < {{Threads}}; step *= 2) {
                        sums[1 - now][t] = t >= step ? ad_add(sums[now][t - step], sums[now][t]) : sums[now][t];
                        now = 1 - now;
                        __syncthreads();
                    }
                    if (i < {{extents.Reduced}}ll) result[at] = ({{element}})ad_add(before, sums[now][t]);
                    before = ad_add(before, sums[now][{{Threads - 1}}]);
                    __syncthreads();
                }
            }

            """;
        var grid = lines >= FewIndices * Threads || extents.Reduced <= Threads ? Blocks(lines) : new Grid(lines);
        return new LaunchStep(
            $"cumulativeSum{(reverse ? " reverse" : "")} {operand} as [{extents.Outer}, {extents.Reduced}, {extents.Inner}] -> s{target}",
            [operand.Slot],
            [target],
            extents.Elements == 0 ? [] : [new Launch(body, [], grid, Threads, [operand.Slot, target])])
        {
            Operations = extents.Elements,
        };
    }

    internal static Grid Blocks(long items) => new((items + Threads - 1) / Threads);

    // A function that gives an index's place in the axis, or -1.
    private static string PlaceOf(Indexing extents, View indices) => $$"""
        AD i64 @_place(const {{CudaText.Stored(indices.Type)}} *indices, i64 at, i64 *error, i64 code) {
            const i64 index = indices[{{indices.Layout.Offset}}ll + at];
            if (index < -{{extents.AxisSize}}ll || index >= {{extents.AxisSize}}ll) {
                ad_fail(error, (int)code, index);
                return -1;
            }
            return index < 0 ? index + {{extents.AxisSize}}ll : index;
        }

        """;

    private static Launch[] Checks(Indexing extents, View indices)
    {
        var count = extents.Batches * extents.Indices;
        var body = $$"""
            {{PlaceOf(extents, indices)}}extern "C" __global__ void __launch_bounds__({{Threads}}) @(const {{CudaText.Stored(indices.Type)}} *indices, i64 *error, i64 code) {
                const i64 j = (i64)blockIdx.x * {{Threads}} + threadIdx.x;
                if (j < {{count}}ll) @_place(indices, j, error, code);
            }

            """;
        return count == 0 ? [] : [new Launch(body, [], Blocks(count), Threads, [indices.Slot], OutOfRange(extents))];
    }

    private static Launch Placing(Indexing extents, View indices, int places)
    {
        var count = extents.Batches * extents.Indices;
        var body = $$"""
            {{PlaceOf(extents, indices)}}extern "C" __global__ void __launch_bounds__({{Threads}}) @(const {{CudaText.Stored(indices.Type)}} *indices, int *places, i64 *error, i64 code) {
                const i64 j = (i64)blockIdx.x * {{Threads}} + threadIdx.x;
                if (j < {{count}}ll) places[j] = (int)@_place(indices, j, error, code);
            }

            """;
        return new Launch(body, [], Blocks(count), Threads, [indices.Slot, places], OutOfRange(extents));
    }

    private static Launch Searching(Indexing extents, View indices, View updates, int target, long results)
    {
        var element = CudaText.Name(updates.Type);
        var body = $$"""
            extern "C" __global__ void __launch_bounds__({{Threads}}) @(const {{CudaText.Stored(indices.Type)}} *indices, const {{element}} *updates, {{element}} *result) {
                const u64 e = (u64)blockIdx.x * {{Threads}} + threadIdx.x;
                if (e >= {{results}}ull) return;
                const u64 run = e % {{extents.Run}}ull, place = e / {{extents.Run}}ull % {{extents.AxisSize}}ull, row = e / {{extents.Run * extents.AxisSize}}ull;
                {{element}} sum = 0;
                for (int j = 0; j < {{extents.Indices}}; j++) {
                    const i64 index = indices[{{indices.Layout.Offset}}ll + row / {{extents.Before}}ull * {{extents.Indices}}ull + j];
                    if ((index < 0 ? index + {{extents.AxisSize}}ll : index) == (i64)place) sum = ad_add(sum, updates[{{updates.Layout.Offset}}ll + (row * {{extents.Indices}}ull + j) * {{extents.Run}}ull + run]);
                }
                result[e] = sum;
            }

            """;
        return new Launch(body, [], Blocks(results), Threads, [indices.Slot, updates.Slot, target]);
    }

    private static Launch Adding(Indexing extents, View updates, int places, int order, int target, long added)
    {
        var element = CudaText.Name(updates.Type);
        var body = $$"""
            extern "C" __global__ void __launch_bounds__({{Threads}}) @(const int *places, const int *order, const {{element}} *updates, {{element}} *result) {
                const u64 e = (u64)blockIdx.x * {{Threads}} + threadIdx.x;
                if (e >= {{added}}ull) return;
                const u64 run = e % {{extents.Run}}ull, j = e / {{extents.Run}}ull % {{extents.Indices}}ull, row = e / {{extents.Run * extents.Indices}}ull;
                const u64 batch = row / {{extents.Before}}ull * {{extents.Indices}}ull;
                const int place = places[batch + order[batch + j]];
                if (place < 0 || (j > 0 && places[batch + order[batch + j - 1]] == place)) return;
                {{element}} sum = 0;
                for (u64 other = j; other < {{extents.Indices}}ull && places[batch + order[batch + other]] == place; other++)
                    sum = ad_add(sum, updates[{{updates.Layout.Offset}}ll + (row * {{extents.Indices}}ull + order[batch + other]) * {{extents.Run}}ull + run]);
                result[(row * {{extents.AxisSize}}ull + place) * {{extents.Run}}ull + run] = sum;
            }

            """;
        return new Launch(body, [], Blocks(added), Threads, [places, order, updates.Slot, target]);
    }
}
