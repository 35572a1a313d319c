namespace Ad.Tensors.Cuda;

/// <summary>Parts copied into a result, each by a kernel of its own; a part that is turned over goes square by square through shared memory.</summary>
internal static class CopyLaunches
{
    private const int Threads = 256;
    private const int Tile = 32;

    public static LaunchStep Of(string name, int target, long bytes, bool clear, (View Source, Layout Target)[] parts) => new(
        $"{name} {string.Join(' ', parts.Select(p => p.Source))} -> s{target}",
        [.. parts.Select(p => p.Source.Slot)],
        [target],
        [.. parts.Where(p => p.Target.Elements() > 0).Select(p => Part(p.Source, p.Target, target))])
    {
        Cleared = clear ? [(target, bytes)] : [],
    };

    private static Launch Part(View source, Layout to, int target)
    {
        var (from, into) = Layout.Collapse(source.Layout, to);
        return Turned(from, into) is { } axes ? Turning(source, from, into, axes, target) : Straight(source, from, into, target);
    }

    private static string Type(DType type) => type.Size() switch { 1 => "u8", 2 => "u16", 4 => "u32", _ => "u64" };

    private static Launch Straight(View source, Layout from, Layout into, int target)
    {
        var elements = from.Elements();
        var wide = CudaText.IsWide(elements, from, into);
        var index = CudaText.Index(wide);
        var body = $$"""
            extern "C" __global__ void __launch_bounds__({{Threads}}) @(const {{Type(source.Type)}} *source, {{Type(source.Type)}} *target) {
                const {{index}} e = ({{index}})blockIdx.x * {{Threads}} + threadIdx.x;
                if (e < {{CudaText.Unsigned(elements, wide)}}) target[{{CudaText.Place(into, "e", wide)}}] = source[{{CudaText.Place(from, "e", wide)}}];
            }

            """;
        return new Launch(body, [], new Grid((elements + Threads - 1) / Threads), Threads, [source.Slot, target]);
    }

    // The axes along which source and target lie one element apart, where they are two different ones and long enough.
    private static (int Row, int Column)? Turned(Layout from, Layout into)
    {
        var (row, column) = (-1, -1);
        for (var axis = 0; axis < from.Rank; axis++)
        {
            row = from.Strides[axis] == 1 && from.Sizes[axis] >= 8 ? axis : row;
            column = into.Strides[axis] == 1 && into.Sizes[axis] >= 8 ? axis : column;
        }

        return row >= 0 && column >= 0 && row != column ? (row, column) : null;
    }

    private static Launch Turning(View source, Layout from, Layout into, (int Row, int Column) axes, int target)
    {
        var (rows, columns) = (from.Sizes[axes.Row], from.Sizes[axes.Column]);
        var others = Enumerable.Range(0, from.Rank).Where(a => a != axes.Row && a != axes.Column).ToArray();
        var (outerFrom, outerTo) = (from.Permute(others), into.Permute(others));
        var wide = CudaText.IsWide(from.Elements(), from, into);
        var index = CudaText.Index(wide);
        var signed = wide ? "i64" : "int";
        var (across, down) = ((columns + Tile - 1) / Tile, (rows + Tile - 1) / Tile);
        string Signed(long n) => CudaText.Signed(n, wide);
        var body = $$"""
            extern "C" __global__ void __launch_bounds__(256) @(const {{Type(source.Type)}} *source, {{Type(source.Type)}} *target) {
                __shared__ {{Type(source.Type)}} square[{{Tile}}][{{Tile + 1}}];
                const {{index}} tile = blockIdx.x % {{across * down}}u, outer = blockIdx.x / {{across * down}}u;
                const {{signed}} row0 = ({{signed}})(tile / {{across}}u) * {{Tile}}, column0 = ({{signed}})(tile % {{across}}u) * {{Tile}};
                const {{signed}} from = {{CudaText.Place(outerFrom, "outer", wide)}}, to = {{CudaText.Place(outerTo, "outer", wide)}};
                const int x = threadIdx.x % {{Tile}}, y = threadIdx.x / {{Tile}};
                for (int j = y; j < {{Tile}}; j += 8)
                    if (row0 + x < {{rows}} && column0 + j < {{columns}}) square[j][x] = source[from + (row0 + x) + (column0 + j) * {{Signed(from.Strides[axes.Column])}}];
                __syncthreads();
                for (int i = y; i < {{Tile}}; i += 8)
                    if (row0 + i < {{rows}} && column0 + x < {{columns}}) target[to + (row0 + i) * {{Signed(into.Strides[axes.Row])}} + (column0 + x)] = square[x][i];
            }

            """;
        return new Launch(body, [], new Grid((long)across * down * outerFrom.Elements()), 256, [source.Slot, target]);
    }
}
