namespace Ad.Tensors.Cuda;

/// <summary>
/// What becomes of a product's results: a functor that writes each where it belongs, or has it go through a pointwise group first, such as a bias and
/// an activation, so that the product itself is never in memory.
/// </summary>
internal sealed record ProductWriter(
    string Struct, string Parameters, string Fields, int[] Slots, int[] Reads, int[] Writes, string[] Parts, string Text, long Operations)
{
    /// <summary>Results written to a slot; <paramref name="place"/> says where, by batch, row and column.</summary>
    public static ProductWriter Of(string element, int batches, string place, int target) => new(
        $$"""
            struct @W {
                {{element}} *p;
                static const int batches = {{batches}};
                __device__ __forceinline__ void at(u32 batch, u32 row, u32 column, {{element}} x) const { p[{{place}}] = x; }
            };

            """,
        $"{element} *result",
        "w.p = result;",
        [target],
        [],
        [target],
        [],
        "",
        0);

    /// <summary>Results given to a group that would have read them from a slot.</summary>
    public static ProductWriter Of(string element, int batches, string place, int target, PointwiseGroup group)
    {
        var text = new GroupText(group, "g", slot => slot == target);
        var outputs = text.Outputs();
        var parameters = text.Parameters.Split(", ");
        var names = parameters.Select(p => p[(p.LastIndexOf('*') + 1)..]).ToArray();
        var index = CudaText.Index(text.Wide);
        return new(
            $$"""
            struct @W {
                {{string.Concat(parameters.Select(p => $"{p}; "))}}
                static const int batches = {{batches}};
                __device__ __forceinline__ void at(u32 batch, u32 row, u32 column, {{element}} x) const {
                    const {{index}} e = ({{index}})({{place}});
            {{text.Nodes("e", i => group.Nodes[i] is Node.Load load && load.View.Slot == target ? "x" : null, "        ")}}{{text.Stores(outputs, "e", "        ")}}    }
            };

            """,
            text.Parameters,
            string.Concat(names.Select(name => $"w.{name} = {name}; ")),
            text.Slots,
            [.. group.Views().Select(v => v.Slot).Where(slot => slot != target).Distinct()],
            [.. group.Writes],
            [.. text.Parts],
            $", each through {group.Nodes.Count} nodes -> {string.Join(' ', group.Writes.Select(w => $"s{w}"))}",
            group.Elements * group.Nodes.Count(n => n is Node.Apply));
    }
}
