using System.Numerics;
using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>
/// Groups with reductions. A block has X columns of the inner extent, Y threads that share the rows to be combined, and Z of the outer extent; the
/// threads of a team go through rows Y apart and are then joined by a tree. Where there are too few results to keep the device busy, rows are cut
/// into pieces, whose results a second kernel joins. The order depends on the sizes alone.
/// </summary>
internal static class ReduceLaunches
{
    private const int Threads = 256;

    // Blocks that keep a large device busy, and rows below which a piece is not worth a block.
    private const long EnoughBlocks = 512;
    private const long LeastRows = 16;
    private const long MostPieces = 512;

    private const int MostAccumulatorBytes = 16;

    public static LaunchStep Of(PointwiseGroup group, Func<long, int> room)
    {
        var cut = Cut.Of(group.Extents!.Value);
        var text = new GroupText(group);
        var outputs = text.Outputs();
        var finals = group.Reductions.Select(r => new Final(r, Accumulator(r.Kind, group.Nodes[r.Node].Type), cut.Pieces == 1 ? r.Slot
            : room(cut.Results * cut.Pieces * AccumulatorBytes(r.Kind, group.Nodes[r.Node].Type)))).ToArray();
        int[] reads = [.. group.Views().Select(v => v.Slot)];
        int[] writes = [.. group.Writes, .. cut.Pieces == 1 ? [] : finals.Select(f => f.Slot)];
        var launches = new List<Launch>();
        if (cut.Results > 0)
        {
            launches.Add(First(group, cut, text, outputs, finals));
            if (cut.Pieces > 1)
            {
                launches.AddRange(finals.Select(f => Second(cut, f)));
            }
        }

        return new LaunchStep(
            $"group of {group.Nodes.Count} nodes over [{cut.Extents.Outer}, {cut.Extents.Reduced}, {cut.Extents.Inner}] reduced -> {string.Join(' ', writes.Select(w => $"s{w}"))}",
            reads,
            writes,
            [.. launches])
        {
            Operations = group.Elements * (group.Nodes.Count(n => n is Node.Apply) + group.Reductions.Count),
            Group = group,
        };
    }

    private static Launch First(PointwiseGroup group, Cut cut, GroupText text, (int Node, View Target, string Name)[] outputs, Final[] finals)
    {
        var index = CudaText.Index(text.Wide);
        string Number(long n) => CudaText.Unsigned(n, text.Wide);
        var names = finals.Select(f => text.Pointer(f.Slot, cut.Pieces == 1 ? CudaText.Stored(f.Reduction.Type) : f.Accumulator)).ToArray();
        var body = new StringBuilder();
        body.Append($"extern \"C\" __global__ void __launch_bounds__({cut.Threads}) @({text.Parameters}{(text.Failure is null ? "" : ", i64 *error, i64 code")}) {{\n");
        body.Append($"    const int x = threadIdx.x % {cut.X}, y = threadIdx.x / {cut.X} % {cut.Y}, z = threadIdx.x / {cut.X * cut.Y};\n");
        body.Append($"    {Shared(cut.Threads)}\n");
        body.Append($"    const {index} i = ({index})(blockIdx.x % {cut.ColumnBlocks}u) * {cut.X} + x, o = ({index})(blockIdx.x / {cut.ColumnBlocks}u) * {cut.Z} + z;\n");
        body.Append($"    const {index} piece = blockIdx.y;\n");
        for (var f = 0; f < finals.Length; f++)
        {
            body.Append($"    {finals[f].Accumulator} a{f} = {finals[f].Accumulator}::none();\n");
        }

        body.Append($"    if (o < {Number(cut.Extents.Outer)} && i < {Number(cut.Extents.Inner)}) {{\n");
        body.Append($"        const {index} end = piece == {Number(cut.Pieces - 1)} ? {Number(cut.Extents.Reduced)} : (piece + 1) * {Number(cut.RowsPerPiece)};\n");
        body.Append($"        for ({index} r = piece * {Number(cut.RowsPerPiece)} + y; r < end; r += {cut.Y}) {{\n");
        body.Append($"            const {index} e = (o * {Number(cut.Extents.Reduced)} + r) * {Number(cut.Extents.Inner)} + i;\n");
        body.Append(text.Nodes("e", _ => null, "            "));
        body.Append(text.Stores(outputs, "e", "            "));

        for (var f = 0; f < finals.Length; f++)
        {
            body.Append($"            a{f}.add(n{finals[f].Reduction.Node}, (int)r);\n");
        }

        body.Append("        }\n    }\n");
        for (var f = 0; f < finals.Length; f++)
        {
            var place = cut.Pieces == 1
                ? $"{names[f]}[o * {Number(cut.Extents.Inner)} + i] = joined.result();"
                : $"{names[f]}[(o * {Number(cut.Extents.Inner)} + i) * {Number(cut.Pieces)} + piece] = joined;";
            body.Append(Joined(
                finals[f].Accumulator, $"a{f}", cut.X, cut.Y, $"if (y == 0 && o < {Number(cut.Extents.Outer)} && i < {Number(cut.Extents.Inner)}) {place}"));
        }

        body.Append("}\n");
        return new Launch(
            body.ToString(), [.. text.Parts, "reduce"], new Grid(cut.Blocks, (int)cut.Pieces), cut.Threads, text.Slots, text.Failure);
    }

    // A block for each result.
    private static Launch Second(Cut cut, Final final)
    {
        var body = $$"""
            extern "C" __global__ void __launch_bounds__(128) @(const {{final.Accumulator}} *pieces, {{CudaText.Stored(final.Reduction.Type)}} *result) {
                __shared__ {{final.Accumulator}} shared[128];
                {{final.Accumulator}} a = {{final.Accumulator}}::none();
                for (int piece = threadIdx.x; piece < {{cut.Pieces}}; piece += 128) a.join(pieces[(i64)blockIdx.x * {{cut.Pieces}} + piece]);
                shared[threadIdx.x] = a;
                ad_team<{{final.Accumulator}}, 1, 128>(shared, threadIdx.x);
                if (threadIdx.x == 0) result[blockIdx.x] = shared[0].result();
            }

            """;
        return new Launch(body, ["reduce"], new Grid(cut.Results), 128, [final.Slot, final.Reduction.Slot]);
    }

    internal static string Accumulator(Reduction kind, DType type) => $"{kind}<{CudaText.Name(type)}>";

    /// <summary>Shared memory in which teams are joined, one reduction after another.</summary>
    internal static string Shared(int threads) => $"__shared__ __align__(16) u8 shared[{threads * MostAccumulatorBytes}];";

    /// <summary>Statements that join what the threads of each team hold, for all of them, and do something with <c>joined</c>.</summary>
    internal static string Joined(string accumulator, string own, int x, int y, string statement) => $$"""
            {
                const {{accumulator}} joined = ad_joined<{{accumulator}}, {{x}}, {{y}}>(({{accumulator}} *)shared, {{own}}, y);
                {{statement}}
            }

        """;

    private static long AccumulatorBytes(Reduction kind, DType type) => kind switch
    {
        Reduction.Sum => type == DType.Float64 ? MostAccumulatorBytes : 8,
        Reduction.Max or Reduction.Min => type.Size(),
        Reduction.ArgMax or Reduction.ArgMin => MostAccumulatorBytes,
    };

    private sealed record Final(GroupReduction Reduction, string Accumulator, int Slot);

    /// <summary>How the extents are cut into blocks.</summary>
    internal sealed record Cut(Extents Extents, int X, int Y, int Z, long Pieces, long RowsPerPiece)
    {
        public int Threads => X * Y * Z;

        public long Results => Extents.Outer * Extents.Inner;

        public long ColumnBlocks => (Extents.Inner + X - 1) / X;

        public long Blocks => ColumnBlocks * ((Extents.Outer + Z - 1) / Z);

        public static Cut Of(Extents extents)
        {
            var rows = Power(extents.Reduced);
            var x = Math.Min(Power(extents.Inner), ReduceLaunches.Threads / (int)Math.Min(8, rows));
            var y = (int)Math.Min(ReduceLaunches.Threads / x, rows);
            var z = (int)Math.Min(ReduceLaunches.Threads / (x * y), Power(extents.Outer));
            var cut = new Cut(extents, (int)x, y, z, 1, extents.Reduced);
            if (cut.Results == 0 || cut.Blocks >= EnoughBlocks)
            {
                return cut;
            }

            var pieces = Math.Min(Math.Min(EnoughBlocks / cut.Blocks, MostPieces), extents.Reduced / (LeastRows * y));
            return pieces <= 1 ? cut : cut with { Pieces = pieces, RowsPerPiece = extents.Reduced / pieces };
        }

        private static long Power(long n) => n <= 1 ? 1 : (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Min(n, ReduceLaunches.Threads));
    }
}
