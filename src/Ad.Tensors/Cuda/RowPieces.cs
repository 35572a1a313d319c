using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>
/// Few long rows, whose largest elements and sums of exponentials are found in one pass: several blocks go through parts of a row, one joins a row's parts in their
/// order, and what follows is a group over all elements.
/// </summary>
internal static class RowPieces
{
    private const int Threads = 256;
    private const int Lanes = 4;

    /// <summary>The steps, or null if they are not of that form or rows were not cut.</summary>
    public static CudaStep[]? Of(LaunchStep[] steps, long rows, bool aligned, Func<int, bool> isNeeded)
    {
        PointwiseGroup[] groups = [.. steps.Select(s => s.Group!)];
        if (OnlineRows.Of(groups, rows, isNeeded) is not { } online)
        {
            return null;
        }

        // What each of the two has for its own parts: as many as there will be of both together.
        var (first, second) = online.At;
        int[] rooms = [.. new[] { first, second }.SelectMany(g => steps[g].Writes.Except(steps[g].Group!.Writes))];
        var most = ReduceLaunches.Cut.Of(groups[first].Extents!.Value).Pieces;
        if (rooms.Length != 2 || most < 2)
        {
            return null;
        }

        var end = second + 1;
        while (end < groups.Length && groups[end].Elements == rows && groups[end].Reductions.Count == 0)
        {
            end++;
        }

        var rest = online.Groups[end..];
        if (rest.Any(g => g.Reductions.Count > 0 && !groups.Contains(g)))
        {
            return null;
        }

        var width = groups[first].Elements / rows;
        var each = (((width + most - 1) / most) + Lanes - 1) / Lanes * Lanes;
        var pieces = (width + each - 1) / each;
        var joining = online with { Groups = online.Groups[first..end], Parts = (pieces, rooms[0], rooms[1]) };
        var part = Part(joining, rows, width, each);
        var whole = RowLaunches.Kernel(joining.Groups, joining, rows, Threads, 1, false, slot => isNeeded(slot) || rest.Any(g => g.Views().Any(v => v.Slot == slot)), out var unwritten);
        var joined = steps[first..end];
        var step = new LaunchStep(
            $"by {rows} rows in {pieces} pieces, in one pass: {string.Join(" then ", joined.Select(s => s.ToString()))}",
            [.. joined.SelectMany(s => s.Reads).Where(slot => !unwritten.Contains(slot) && !online.Unread.Contains(slot))],
            [.. joined.SelectMany(s => s.Writes).Where(slot => !unwritten.Contains(slot) && !online.Unread.Contains(slot)).Distinct()],
            [part, whole])
        {
            Operations = joined.Sum(s => s.Flops),
        };
        return
        [
            .. steps[..first],
            step,
            .. rest.Select((group, i) => groups.Contains(group) ? steps[end + i] : GroupLaunches.Of(group, aligned)),
        ];
    }

    // Each block writes its part's largest element, and the sum of the exponentials of all of them less that.
    private static Launch Part(OnlineRows online, long rows, long width, long each)
    {
        var group = online.First;
        var text = new GroupText(group);
        var outputs = text.Outputs();
        var (index, element) = (CudaText.Index(text.Wide), online.Element);
        var (largest, sums) = (text.Pointer(online.Parts.Largest, $"Max<{element}>"), text.Pointer(online.Parts.Sums, $"Sum<{element}>"));
        string Number(long n) => CudaText.Unsigned(n, text.Wide);
        var body = new StringBuilder();
        body.Append($"extern \"C\" __global__ void __launch_bounds__({Threads}) @({text.Parameters}{(text.Failure is null ? "" : ", i64 *error, i64 code")}) {{\n");
        body.Append($"    const int y = threadIdx.x;\n    {ReduceLaunches.Shared(Threads)}\n");
        body.Append($"    const {index} row = blockIdx.x / {online.Parts.Pieces}u, begin = blockIdx.x % {online.Parts.Pieces}u * {Number(each)}, end = begin + {Number(each)} < {Number(width)} ? begin + {Number(each)} : {Number(width)};\n");
        body.Append($"    Max<{element}> most = Max<{element}>::none();\n    Online<{element}> online = Online<{element}>::none();\n    #pragma unroll 4\n");
        body.Append($"    for ({index} r = begin + y; r < end; r += {Threads}) {{\n        const {index} e = row * {Number(width)} + r;\n");
        body.Append(text.Nodes("e", _ => null, "        ")).Append(text.Stores(outputs, "e", "        "));
        body.Append($"        most.add(n{online.Looked}, 0);\n        online.add(n{online.Looked});\n    }}\n");
        body.Append(ReduceLaunches.Joined($"Max<{element}>", "most", 1, Threads, "most = joined;"));
        body.Append(ReduceLaunches.Joined(
            $"Online<{element}>", "online", 1, Threads, $"if (y == 0) {{ {largest}[blockIdx.x] = most; {sums}[blockIdx.x] = joined.above(most.s); }}"));
        return new Launch(body.Append("}\n").ToString(), [.. text.Parts, "reduce"], new Grid(rows * online.Parts.Pieces), Threads, text.Slots, text.Failure);
    }
}
