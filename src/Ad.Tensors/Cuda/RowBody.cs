using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>One group of a kernel that goes through rows: a loop over a row's elements, vectors at a time where they lie so, and the joining of its sums.</summary>
internal sealed class RowBody(PointwiseGroup group, GroupText text, RowGroups kept, long rows, int team, int each, int lanes)
{
    private readonly string _index = CudaText.Index(text.Wide);
    private readonly long _width = group.Elements / rows;

    private int Lanes => each > 0 ? lanes : 1;

    public override string ToString()
    {
        var outputs = text.Outputs(kept.Unwritten.Contains);
        var sums = group.Reductions.Select(r => (
            Reduction: r,
            Accumulator: ReduceLaunches.Accumulator(r.Kind, group.Nodes[r.Node].Type),
            Name: kept.Unwritten.Contains(r.Slot) ? null : text.Pointer(r.Slot, r.Type))).ToArray();
        var body = new StringBuilder();
        if (kept.IsOfRows(group))
        {
            return OfRow(outputs);
        }

        foreach (var (reduction, _, _) in sums)
        {
            body.Append($"    {CudaText.Name(reduction.Type)} {kept.Joined(reduction.Slot)};\n");
        }

        string Store(int i) => sums[i].Name is { } name ? $"if (y == 0 && row < {Number(rows)}) {name}[row] = {kept.Joined(sums[i].Reduction.Slot)};" : "";
        var online = kept.Online;
        if (online?.First == group)
        {
            body.Append($"    Online<{online.Element}> online;\n");
            if (online.Parts.Pieces > 1)
            {
                return body.Append(OfParts(online, sums[0].Accumulator, Store(0))).ToString();
            }
        }
        else if (online?.Second == group)
        {
            // The same for all threads, as a row has a whole block.
            var (shift, sum) = (kept.Carried(group, online.Shift), kept.Joined(sums[0].Reduction.Slot));
            body.Append($"    if (online.holds({kept.Joined(online.First.Reductions[0].Slot)}, {shift})) {{\n        {sum} = online.above({shift}).result();\n        {Store(0)}\n    }} else\n");
        }

        body.Append("    {\n");
        for (var i = 0; i < sums.Length; i++)
        {
            body.Append($"        {sums[i].Accumulator} a{i} = {sums[i].Accumulator}::none();\n");
        }

        var adds = string.Concat(sums.Select((s, i) => $"                a{i}.add(n{s.Reduction.Node}, (int)r);\n"));
        if (online?.First == group)
        {
            body.Append($"        Online<{online.Element}> both = Online<{online.Element}>::none();\n");
            adds += $"                both.add(n{online.Looked});\n";
        }

        body.Append($"        if (row < {Number(rows)})\n");
        if (each == 0)
        {
            body.Append($"        for ({_index} r = y; r < {Number(_width)}; r += {team}) {{\n            const {_index} e = row * {Number(_width)} + r;\n            {{\n");
            body.Append(text.Nodes("e", Carried, "                ")).Append(text.Stores(outputs, "e", "                ")).Append(adds);
        }
        else
        {
            Kept(body, outputs, adds);
        }

        body.Append("            }\n        }\n");
        for (var i = 0; i < sums.Length; i++)
        {
            body.Append(ReduceLaunches.Joined(sums[i].Accumulator, $"a{i}", 1, team, $"{kept.Joined(sums[i].Reduction.Slot)} = joined.result(); {Store(i)}"));
        }

        if (online?.First == group)
        {
            body.Append(ReduceLaunches.Joined($"Online<{online.Element}>", "both", 1, team, "online = joined;"));
        }

        return body.Append("        __syncthreads();\n    }\n").ToString();
    }

    // What several blocks found of a row, joined in their order.
    private string OfParts(OnlineRows online, string accumulator, string store)
    {
        var (pieces, type) = (online.Parts.Pieces, online.Element);
        var (largest, parts) = (text.Pointer(online.Parts.Largest, $"Max<{type}>", "const "), text.Pointer(online.Parts.Sums, $"Sum<{type}>", "const "));
        return $$"""
                {
                    {{accumulator}} a0 = {{accumulator}}::none();
                    Online<{{type}}> both = Online<{{type}}>::none();
                    for (int part = y; part < {{pieces}}; part += {{team}}) {
                        const Max<{{type}}> most = {{largest}}[(i64)row * {{pieces}} + part];
                        a0.join(most);
                        both.join(Online<{{type}}>::of(most.s, {{parts}}[(i64)row * {{pieces}} + part]));
                    }
            {{ReduceLaunches.Joined(accumulator, "a0", 1, team, $"{kept.Joined(online.First.Reductions[0].Slot)} = joined.result(); {store}")}}{{ReduceLaunches.Joined($"Online<{type}>", "both", 1, team, "online = joined;")}}        __syncthreads();
                }

            """;
    }

    private string OfRow((int Node, View Target, string Name)[] outputs)
    {
        var variables = kept.OfRow(group).ToArray();
        return string.Concat(variables.Select(v => $"    {CudaText.Name(v.Type)} {v.Name};\n"))
            + $"    if (row < {Number(rows)}) {{\n{text.Nodes("row", Carried, "        ")}"
            + string.Concat(variables.Select(v => $"        {v.Name} = n{v.Node};\n"))
            + $"        if (y == 0) {{\n{text.Stores(outputs, "row", "            ")}        }}\n    }}\n    __syncthreads();\n";
    }

    private void Kept(StringBuilder body, (int Node, View Target, string Name)[] outputs, string adds)
    {
        body.Append($"#pragma unroll{(kept.Keeps ? "" : " 2")}\n        for (int k0 = 0; k0 < {each}; k0++) {{\n            const {_index} first = (({_index})k0 * {team} + y) * {Lanes};\n            if (first < {Number(_width)}) {{\n");
        var loads = Lanes == 1 ? [] : Enumerable.Range(0, group.Nodes.Count)
            .Where(i => group.Nodes[i] is Node.Load load && Carried(i) is null && IsByVectors(load.View.Layout)).ToHashSet();
        foreach (var i in loads)
        {
            var view = ((Node.Load)group.Nodes[i]).View;
            body.Append($"                const {Vector(view)} v{i} = {At(text.Pointer(view.Slot, view.Type), view, "const ")};\n");
        }

        var vectors = Lanes == 1 ? [] : outputs.Where(o => IsByVectors(o.Target.Layout)).ToArray();
        foreach (var (node, target, _) in vectors)
        {
            body.Append($"                {Vector(target)} o{node};\n");
        }

        body.Append($"#pragma unroll\n                for (int lane = 0; lane < {Lanes}; lane++) {{\n                const int k = k0 * {Lanes} + lane;\n                const {_index} r = first + lane, e = row * {Number(_width)} + r;\n");
        body.Append(text.Nodes("e", i => loads.Contains(i) ? CudaText.Read(group.Nodes[i].Type, $"v{i}.v[lane]") : Carried(i), "                "));
        body.Append(text.Stores(outputs.Except(vectors), "e", "                "));
        body.Append(string.Concat(vectors.Select(o => $"                o{o.Node}.v[lane] = n{o.Node};\n")));
        body.Append(kept.Keeping(group, "                ")).Append(adds).Append("                }\n");
        foreach (var (node, target, name) in vectors)
        {
            body.Append($"                {At(name, target, "")} = o{node};\n");
        }
    }

    private string? Carried(int node) => group.Nodes[node] is Node.Load load ? kept.Carried(group, load) : null;

    private static bool IsByVectors(Layout layout) => layout.IsContiguous() && layout.Offset % 4 == 0;

    private static string Vector(View view) => $"Four<{CudaText.Stored(view.Type)}>";

    private string At(string name, View view, string constant) =>
        $"*({constant}{Vector(view)} *)({name} + row * {Number(_width)} + first + {CudaText.Signed(view.Layout.Offset, text.Wide)})";

    private string Number(long n) => CudaText.Unsigned(n, text.Wide);
}
