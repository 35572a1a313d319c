using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>One group of a kernel that goes through rows: a loop over a row's elements, vectors at a time where they lie so, and the joining of its sums.</summary>
internal sealed class RowBody(PointwiseGroup group, GroupText text, RowGroups kept, long rows, int team, int each, int lanes)
{
    private readonly string _index = CudaText.Index(text.Wide);
    private readonly long _width = group.Elements / rows;

    // A thread that keeps its elements has as many as any other, so that they are in registers.
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

        body.Append("    {\n");
        for (var i = 0; i < sums.Length; i++)
        {
            body.Append($"        {sums[i].Accumulator} a{i} = {sums[i].Accumulator}::none();\n");
        }

        var adds = string.Concat(sums.Select((s, i) => $"                a{i}.add(n{s.Reduction.Node}, (int)r);\n"));
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
            var (reduction, accumulator, name) = sums[i];
            var store = name is null ? "" : $"if (y == 0 && row < {Number(rows)}) {name}[row] = {kept.Joined(reduction.Slot)};";
            body.Append(ReduceLaunches.Joined(accumulator, $"a{i}", 1, team, $"{kept.Joined(reduction.Slot)} = joined.result(); {store}"));
        }

        return body.Append("        __syncthreads();\n    }\n").ToString();
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
        body.Append($"#pragma unroll\n        for (int k0 = 0; k0 < {each}; k0++) {{\n            const {_index} first = ({_index})(y + k0 * {team}) * {Lanes};\n            if (first < {Number(_width)}) {{\n");
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
