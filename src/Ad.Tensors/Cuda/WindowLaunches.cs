using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>Windowed reductions and what flows to and from their extremes: a thread for each window, or for each element of the image.</summary>
internal static class WindowLaunches
{
    private const int Threads = 256;

    public static LaunchStep Window(Operation.Window window, View operand, Shape shape, int target, Shape result)
    {
        if (operand.Type == DType.Bool)
        {
            throw new ArgumentException("The operation window does not take bool.");
        }

        var element = CudaText.Name(operand.Type);
        var windows = new Text(window.Windows, shape, result);
        var isSum = window.Kind == Reduction.Sum;
        var (begin, step, end) = isSum
            ? ($"{element} a = 0;", "a = ad_add(a, x[base + place]);", "a")
            : ($"{window.Kind}<{element}> a = {window.Kind}<{element}>::none();", "a.add(x[base + place], (int)place);", "a.result()");
        var body = $$"""
            {{Head($"const {element} *x, {(window.Kind is Reduction.ArgMax or Reduction.ArgMin ? "int" : element)} *result", result.Elements)}}{{windows.Position(operand.Layout.Offset)}}    {{begin}}
            {{windows.Taps(step)}}    result[e] = {{end}};
            }

            """;
        return Step($"window {operand} -> s{target}", [operand.Slot], [target], result.Elements, body, [operand.Slot, target], windows.Hits);
    }

    public static LaunchStep Share(
        Reduction kind, Windows windows, View operand, View flow, Shape image, Shape result, int target, bool spreads, Func<long, int> room)
    {
        if (kind is not (Reduction.Max or Reduction.Min) || !operand.Type.IsFloat())
        {
            throw new ArgumentException($"The windows' {kind} of {operand.Type.Name()} has no winners.");
        }

        var element = CudaText.Name(operand.Type);
        var text = new Text(windows, image, result);
        var extreme = $$"""
                {{kind}}<{{element}}> best = {{kind}}<{{element}}>::none();
            {{text.Taps("best.add(x[base + place], 0);")}}    const {{element}} extreme = best.result();
                {{element}} count = 0;

            """;
        if (!spreads)
        {
            var body = $$"""
                {{Head($"const {element} *x, const {element} *flow, {element} *result", result.Elements)}}{{text.Position(operand.Layout.Offset)}}{{extreme}}    {{element}} sum = 0;
                    bool any = false;
                {{text.Taps($"const {element} f = flow[base - {operand.Layout.Offset}ll + {flow.Layout.Offset}ll + place]; any = any || f != 0; if (x[base + place] == extreme) {{ count += 1; sum += f; }}")}}    result[e] = count == 0 && !any ? ({{element}})0 : sum / count;
                }

                """;
            return Step($"windowShare {operand} {flow} -> s{target}", [operand.Slot, flow.Slot], [target], result.Elements, body, [operand.Slot, flow.Slot, target], text.Hits);
        }

        var (extremes, shares) = (room(result.Elements * operand.Type.Size()), room(result.Elements * operand.Type.Size()));
        var first = $$"""
            {{Head($"const {element} *x, const {element} *flow, {element} *extremes, {element} *shares", result.Elements)}}{{text.Position(operand.Layout.Offset)}}{{extreme}}{{text.Taps("if (x[base + place] == extreme) count += 1;")}}    const {{element}} f = flow[{{flow.Layout.Offset}}ll + e];
                extremes[e] = extreme;
                shares[e] = f == 0 ? ({{element}})0 : extreme != extreme ? ad_nan(f) : f / count;
            }

            """;
        var second = $$"""
            {{Head($"const {element} *x, const {element} *extremes, const {element} *shares, {element} *result", image.Elements)}}    const {{element}} own = x[{{operand.Layout.Offset}}ll + e];
                {{element}} sum = 0;
            {{text.Windows("if (own == extremes[at] || extremes[at] != extremes[at]) sum += shares[at];")}}    result[e] = sum;
            }

            """;
        Launch[] launches =
        [
            .. result.Elements == 0 ? Array.Empty<Launch>() : [new Launch(first, ["reduce"], IndexLaunches.Blocks(result.Elements), Threads, [operand.Slot, flow.Slot, extremes, shares])],
            .. image.Elements == 0 ? Array.Empty<Launch>() : [new Launch(second, ["reduce"], IndexLaunches.Blocks(image.Elements), Threads, [operand.Slot, extremes, shares, target])],
        ];
        return new LaunchStep($"windowSpread {operand} {flow} -> s{target}", [operand.Slot, flow.Slot], [target, extremes, shares], launches) { Operations = 2 * text.Hits };
    }

    private static LaunchStep Step(string text, int[] reads, int[] writes, long elements, string body, int[] slots, long operations) =>
        new(text, reads, writes, elements == 0 ? [] : [new Launch(body, ["reduce"], IndexLaunches.Blocks(elements), Threads, slots)]) { Operations = operations };

    private static string Head(string parameters, long elements) => $$"""
        extern "C" __global__ void __launch_bounds__({{Threads}}) @({{parameters}}) {
            const i64 e = (i64)blockIdx.x * {{Threads}} + threadIdx.x;
            if (e >= {{elements}}ll) return;

        """;

    /// <summary>Loops over the places of a window, and over the windows of a place.</summary>
    private sealed class Text
    {
        private readonly WindowAxis[] _axes;
        private readonly long[] _strides;
        private readonly long[] _positions;
        private readonly long _inputs = 1;
        private readonly long _windows = 1;

        public Text(Windows windows, Shape image, Shape result)
        {
            _axes = windows.Axes(image, result);
            (_strides, _positions) = (new long[_axes.Length], new long[_axes.Length]);
            for (var axis = _axes.Length - 1; axis >= 0; axis--)
            {
                (_strides[axis], _positions[axis]) = (_inputs, _windows);
                _inputs *= _axes[axis].Input;
                _windows *= _axes[axis].Outputs;
            }

            Hits = windows.Hits(image, result);
        }

        public long Hits { get; }

        private string Closing => $"    {new string('}', _axes.Length)}";

        /// <summary>Where the image of window e begins, and the window's position along each axis.</summary>
        public string Position(long offset)
        {
            var text = new StringBuilder();
            text.Append($"    const i64 base = {offset}ll + e / {Math.Max(1, _windows)}ll * {_inputs}ll;\n");
            for (var axis = 0; axis < _axes.Length; axis++)
            {
                text.Append($"    const i64 p{axis} = e / {_positions[axis]}ll % {_axes[axis].Outputs}ll;\n");
            }

            return text.ToString();
        }

        /// <summary>A statement for each element of the window, whose place in the image is <c>place</c>.</summary>
        public string Taps(string statement)
        {
            var text = new StringBuilder();
            for (var axis = 0; axis < _axes.Length; axis++)
            {
                var a = _axes[axis];
                text.Append($"    for (int q{axis} = 0; q{axis} < {a.Taps}; q{axis}++) {{\n");
                text.Append($"    const i64 m{axis} = p{axis} * {a.Stride}ll + (i64)q{axis} * {a.Dilation}ll - ({a.Low}ll);\n");
                text.Append($"    if (m{axis} < 0 || m{axis} % {a.InputDilation}ll != 0 || m{axis} / {a.InputDilation}ll >= {a.Input}ll) continue;\n");
            }

            var place = string.Join(" + ", _axes.Select((a, axis) => $"m{axis} / {a.InputDilation}ll * {_strides[axis]}ll"));
            text.Append($"    const i64 place = {(place.Length == 0 ? "0" : place)};\n    {statement}\n");
            return text.Append(Closing).Append('\n').ToString();
        }

        /// <summary>A statement for each window that element e of the image is in, whose number is <c>at</c>.</summary>
        public string Windows(string statement)
        {
            var text = new StringBuilder();
            for (var axis = 0; axis < _axes.Length; axis++)
            {
                var a = _axes[axis];
                text.Append($"    const i64 i{axis} = e / {_strides[axis]}ll % {a.Input}ll;\n");
            }

            for (var axis = 0; axis < _axes.Length; axis++)
            {
                var a = _axes[axis];
                text.Append($"    for (int q{axis} = 0; q{axis} < {a.Taps}; q{axis}++) {{\n");
                text.Append($"    const i64 m{axis} = i{axis} * {a.InputDilation}ll - (i64)q{axis} * {a.Dilation}ll + ({a.Low}ll);\n");
                text.Append($"    if (m{axis} < 0 || m{axis} % {a.Stride}ll != 0 || m{axis} / {a.Stride}ll >= {a.Outputs}ll) continue;\n");
            }

            var number = string.Join(" + ", _axes.Select((a, axis) => $"m{axis} / {a.Stride}ll * {_positions[axis]}ll"));
            text.Append($"    const i64 at = e / {_inputs}ll * {_windows}ll{(number.Length == 0 ? "" : " + ")}{number};\n    {statement}\n");
            return text.Append(Closing).Append('\n').ToString();
        }
    }
}
