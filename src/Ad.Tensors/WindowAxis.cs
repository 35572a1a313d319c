namespace Ad.Tensors;

/// <summary>
/// How positions of a result, places in a window and elements of an input meet along one axis of a convolution or windowed reduction: element
/// i is at place q of window p where i InputDilation = p Stride + q Dilation - Low.
/// </summary>
internal readonly record struct WindowAxis(int Input, int Taps, int Outputs, int Stride, int Low, int InputDilation, int Dilation)
{
    /// <summary>
    /// The axis cut by residue classes of the result's positions, so that between dilated elements nothing is multiplied: each part is a
    /// window over an input that is not dilated, with some of the places (none, if nothing of the input is ever met).
    /// </summary>
    public WindowPart[] Parts()
    {
        var outputStep = InputDilation / Gcd(Stride, InputDilation);
        var tapStep = InputDilation / Gcd(Dilation, InputDilation);
        var parts = new WindowPart[Math.Min(outputStep, Outputs)];
        for (var first = 0; first < parts.Length; first++)
        {
            var tap = 0;
            while (tap < tapStep && Meeting(first, tap) % InputDilation != 0)
            {
                tap++;
            }

            var part = new WindowPart(
                Input,
                (Outputs - first + outputStep - 1) / outputStep,
                first,
                outputStep,
                tap < tapStep && tap < Taps ? (Taps - tap + tapStep - 1) / tapStep : 0,
                tap,
                tapStep,
                Stride * outputStep / InputDilation,
                Dilation * tapStep / InputDilation,
                (int)(Meeting(first, tap) / InputDilation));
            parts[first] = part.Trimmed();
        }

        return parts;
    }

    /// <summary>How many pairs of a position and a place meet an element.</summary>
    public long Hits()
    {
        long hits = 0;
        foreach (var part in Parts())
        {
            for (var tap = 0; tap < part.Taps; tap++)
            {
                var (from, to) = part.OutputsOf(tap);
                hits += to - from;
            }
        }

        return hits;
    }

    private long Meeting(int output, int tap) => ((long)output * Stride) + ((long)tap * Dilation) - Low;

    private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);
}

/// <summary>
/// One class of a <see cref="WindowAxis"/>: place FirstTap + j TapStep of position FirstOutput + m OutputStep is element
/// Base + m Stride + j Dilation, if there is one.
/// </summary>
internal readonly record struct WindowPart(
    int Input, int Outputs, int FirstOutput, int OutputStep, int Taps, int FirstTap, int TapStep, int Stride, int Dilation, int Base)
{
    /// <summary>Whether a place of a position meets nothing.</summary>
    public bool IsPadded => Taps > 0 && (Base < 0 || Base + ((long)(Outputs - 1) * Stride) + ((long)(Taps - 1) * Dilation) >= Input);

    /// <summary>The positions for which a place meets an element: from the first to before the second.</summary>
    public (int From, int To) OutputsOf(int tap) => Inside(Base + ((long)tap * Dilation), Stride, Outputs);

    /// <summary>The places that meet an element for a position.</summary>
    public (int From, int To) TapsOf(int output) => Inside(Base + ((long)output * Stride), Dilation, Taps);

    /// <summary>Without the places at both ends that meet nothing.</summary>
    public WindowPart Trimmed()
    {
        var part = this;
        while (part.Taps > 0 && part.Base + ((long)(part.Outputs - 1) * Stride) < 0)
        {
            part = part with { Taps = part.Taps - 1, FirstTap = part.FirstTap + TapStep, Base = part.Base + Dilation };
        }

        while (part.Taps > 0 && part.Base + ((long)(part.Taps - 1) * Dilation) >= Input)
        {
            part = part with { Taps = part.Taps - 1 };
        }

        return part;
    }

    // The steps from a start for which the place reached lies inside the input.
    private (int From, int To) Inside(long start, int step, int count)
    {
        var from = start >= 0 ? 0 : (-start + step - 1) / step;
        var to = start >= Input ? 0 : ((Input - 1 - start) / step) + 1;
        var last = (int)Math.Clamp(to, 0, count);
        return ((int)Math.Min(from, last), last);
    }
}
