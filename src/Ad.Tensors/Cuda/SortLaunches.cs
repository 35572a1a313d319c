namespace Ad.Tensors.Cuda;

/// <summary>
/// Stable orders by merging: runs of a block's size are made in shared memory, then merged two by two, each element finding its place in
/// the other run by bisection.
/// </summary>
internal static class SortLaunches
{
    private const int Block = 1024;
    private const int Threads = 256;

    public static LaunchStep Of(View operand, int target, Extents extents, bool descending, Func<long, int> room)
    {
        var (lines, count) = (extents.Outer * extents.Inner, extents.Reduced);
        var text = $"sort{(descending ? " descending" : "")} {operand} as [{extents.Outer}, {count}, {extents.Inner}] -> s{target}";
        if (extents.Elements == 0)
        {
            return new LaunchStep(text, [operand.Slot], [target], []);
        }

        var down = descending ? "true" : "false";
        var type = CudaText.Stored(operand.Type);
        string At(string line, string i) => $"({line} / {extents.Inner}ll * {count}ll + {i}) * {extents.Inner}ll + {line} % {extents.Inner}ll";
        var width = (int)Math.Min(Block, Math.Max(32, System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)count)));
        var pieces = (count + width - 1) / width;
        if (pieces == 1)
        {
            var whole = $$"""
                extern "C" __global__ void __launch_bounds__({{width}}) @(const {{type}} *x, int *result) {
                    const i64 line = blockIdx.x;
                    u64 key = threadIdx.x < {{count}} ? Key<{{type}}>::of(x[{{operand.Layout.Offset}}ll + {{At("line", "threadIdx.x")}}], {{down}}) : 0;
                    int place = 0;
                    ad_sortBlock<{{width}}>(key, {{count}}, &key, &place);
                    if (threadIdx.x < {{count}}) result[{{At("line", "threadIdx.x")}}] = place;
                }

                """;
            return new LaunchStep(text, [operand.Slot], [target], [new Launch(whole, ["sort"], new Grid(lines), width, [operand.Slot, target])]);
        }

        int[] keys = [room(lines * count * sizeof(ulong)), room(lines * count * sizeof(ulong))];
        int[] places = [room(lines * count * sizeof(int)), room(lines * count * sizeof(int))];
        var first = $$"""
            extern "C" __global__ void __launch_bounds__({{width}}) @(const {{type}} *x, u64 *keys, int *places) {
                const i64 line = blockIdx.x / {{pieces}}u, from = blockIdx.x % {{pieces}}u * {{width}}ll, i = from + threadIdx.x;
                const int count = {{count}}ll - from < {{width}} ? (int)({{count}}ll - from) : {{width}};
                u64 key = threadIdx.x < count ? Key<{{type}}>::of(x[{{operand.Layout.Offset}}ll + {{At("line", "i")}}], {{down}}) : 0;
                int place = 0;
                ad_sortBlock<{{width}}>(key, count, &key, &place);
                if (threadIdx.x < count) {
                    keys[line * {{count}}ll + i] = key;
                    places[line * {{count}}ll + i] = (int)from + place;
                }
            }

            """;
        var launches = new List<Launch> { new(first, ["sort"], new Grid(lines * pieces), width, [operand.Slot, keys[0], places[0]]) };
        var now = 0;
        for (long run = width; run < count; run *= 2, now = 1 - now)
        {
            var merge = $$"""
                extern "C" __global__ void __launch_bounds__({{Threads}}) @(const u64 *keys, const int *places, u64 *toKeys, int *toPlaces) {
                    const i64 e = (i64)blockIdx.x * {{Threads}} + threadIdx.x;
                    if (e >= {{lines * count}}ll) return;
                    const i64 line = e / {{count}}ll * {{count}}ll;
                    const i64 to = line + ad_rank(keys + line, (int)(e - line), {{run}}, {{count}});
                    toKeys[to] = keys[e];
                    toPlaces[to] = places[e];
                }

                """;
            launches.Add(new Launch(merge, ["sort"], IndexLaunches.Blocks(lines * count), Threads, [keys[now], places[now], keys[1 - now], places[1 - now]]));
        }

        var last = $$"""
            extern "C" __global__ void __launch_bounds__({{Threads}}) @(const int *places, int *result) {
                const i64 e = (i64)blockIdx.x * {{Threads}} + threadIdx.x;
                if (e < {{lines * count}}ll) result[{{At($"(e / {count}ll)", $"e % {count}ll")}}] = places[e];
            }

            """;
        launches.Add(new Launch(last, [], IndexLaunches.Blocks(lines * count), Threads, [places[now], target]));
        return new LaunchStep(text, [operand.Slot], [target, .. keys, .. places], [.. launches]);
    }
}
