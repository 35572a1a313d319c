using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>Pointwise groups without reductions: a thread for each element, or for four in a row where they lie so.</summary>
internal static class GroupLaunches
{
    private const int Threads = 256;
    private const int Lanes = 4;

    // With fewer elements than this, threads for each of them are not too many.
    private const long FewElements = 16 * 1024;

    /// <summary>A group's kernel; <paramref name="aligned"/> says that every slot begins where a whole vector may.</summary>
    public static LaunchStep Of(PointwiseGroup group, bool aligned)
    {
        var text = new GroupText(group);
        var outputs = text.Outputs();
        int[] reads = [.. group.Views().Select(v => v.Slot)];
        int[] writes = [.. group.Writes];
        var vector = aligned && group.Elements >= FewElements;
        var items = vector ? (group.Elements + Lanes - 1) / Lanes : group.Elements;
        var index = CudaText.Index(text.Wide);
        var body = new StringBuilder();
        body.Append($"extern \"C\" __global__ void __launch_bounds__({Threads}) @({text.Parameters}{(text.Failure is null ? "" : ", i64 *error, i64 code")}) {{\n");
        body.Append($"    const {index} t = ({index})blockIdx.x * {Threads} + threadIdx.x;\n    if (t >= {CudaText.Unsigned(items, text.Wide)}) return;\n");
        if (vector)
        {
            // The last elements, fewer than a vector, go one by one.
            if (group.Elements % Lanes != 0)
            {
                body.Append($"    if (t == {CudaText.Unsigned(items - 1, text.Wide)}) {{\n        for ({index} e = t * {Lanes}; e < {CudaText.Unsigned(group.Elements, text.Wide)}; e++) {{\n");
                body.Append(text.Nodes("e", _ => null, "            "));
                body.Append(text.Stores(outputs, "e", "            ")).Append("        }\n        return;\n    }\n");
            }

            Vectors(group, text, outputs, index, body);
        }
        else
        {
            body.Append(text.Nodes("t", _ => null, "    "));
            body.Append(text.Stores(outputs, "t", "    "));
        }

        body.Append("}\n");
        Launch[] launches = group.Elements == 0 ? [] :
            [new Launch(body.ToString(), [.. text.Parts], new Grid((items + Threads - 1) / Threads), Threads, text.Slots, text.Failure)];
        return new LaunchStep($"group of {group.Nodes.Count} nodes over {group.Elements} -> {string.Join(' ', writes.Select(w => $"s{w}"))}", reads, writes, launches)
        {
            Operations = group.Elements * group.Nodes.Count(n => n is Node.Apply),
            Group = group,
        };
    }

    private static void Vectors(
        PointwiseGroup group, GroupText text, (int Node, View Target, string Name)[] outputs, string index, StringBuilder body)
    {
        var loaded = new HashSet<int>();
        for (var i = 0; i < group.Nodes.Count; i++)
        {
            if (group.Nodes[i] is Node.Load { View: var view } load && IsByVectors(view.Layout) && view.Layout.Elements() == group.Elements)
            {
                var type = CudaText.Stored(load.Type);
                loaded.Add(i);
                body.Append($"    const Four<{type}> v{i} = ((const Four<{type}> *)({text.Pointer(view.Slot, load.Type)} + {CudaText.Signed(view.Layout.Offset, text.Wide)}))[t];\n");
            }
        }

        var whole = outputs.Where(o => IsByVectors(o.Target.Layout)).ToArray();
        foreach (var (node, target, _) in whole)
        {
            body.Append($"    Four<{CudaText.Stored(target.Type)}> r{node};\n");
        }

        body.Append($"    #pragma unroll\n    for (int lane = 0; lane < {Lanes}; lane++) {{\n        const {index} e = t * {Lanes} + lane;\n");
        body.Append(text.Nodes("e", i => loaded.Contains(i) ? CudaText.Read(group.Nodes[i].Type, $"v{i}.v[lane]") : null, "        "));
        body.Append(text.Stores(outputs.Except(whole), "e", "        "));
        foreach (var (node, _, _) in whole)
        {
            body.Append($"        r{node}.v[lane] = n{node};\n");
        }

        body.Append("    }\n");
        foreach (var (node, target, name) in whole)
        {
            var start = target.Layout.Offset == 0 ? name : $"({name} + {CudaText.Signed(target.Layout.Offset, text.Wide)})";
            body.Append($"    ((Four<{CudaText.Stored(target.Type)}> *){start})[t] = r{node};\n");
        }
    }

    private static bool IsByVectors(Layout layout) => layout.IsContiguous() && layout.Offset % Lanes == 0;
}
