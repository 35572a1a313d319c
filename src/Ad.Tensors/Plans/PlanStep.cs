namespace Ad.Tensors;

/// <summary>One step of a plan, whatever device runs it.</summary>
internal abstract class PlanStep
{
    /// <summary>The slots it reads.</summary>
    public abstract IEnumerable<int> Reads { get; }

    /// <summary>The slots it writes, whole or in part.</summary>
    public abstract IEnumerable<int> Writes { get; }

    /// <summary>Whether it reads each element of one slot before it writes that place of another, so that both may be the same memory.</summary>
    public virtual bool ReadsInPlace(int source, int target) => false;

    /// <summary>Element operations it does.</summary>
    public virtual long Flops => 0;

    /// <summary>The bytes that bodies of its own take while it runs.</summary>
    public virtual long Temporaries => 0;

    /// <summary>What it does, on one line.</summary>
    public abstract override string ToString();
}

/// <summary>What a device makes of the steps that a planner finds.</summary>
internal interface IKernels<K>
    where K : PlanStep
{
    /// <summary>The device's name.</summary>
    string Device { get; }

    /// <summary>The steps of a body, whose arguments and results lie wherever its caller says.</summary>
    IKernels<K> Inside { get; }

    /// <summary>The most nodes that a group of many elements may have, if it reduces nothing.</summary>
    int MostNodes { get; }

    /// <summary>Whether contractions and convolutions widen factors of 16 bits as they read them.</summary>
    bool WidensFactors { get; }

    /// <summary>Pointwise work with its reductions; <paramref name="room"/> gives a slot of so many bytes that the step alone uses.</summary>
    K Group(PointwiseGroup group, Func<long, int> room);

    /// <summary>Parts copied into a slot of so many bytes, which is cleared first if asked for.</summary>
    K Copy(string name, int target, long bytes, bool clear, (View Source, Layout Target)[] parts);

    /// <summary>Running sums along the middle of three extents.</summary>
    K CumulativeSum(View operand, int target, Extents extents, bool reverse);

    /// <summary>Runs of elements gathered by index.</summary>
    K Take(Indexing extents, View indexed, View indices, int target);

    /// <summary>Runs of elements added where their indices say.</summary>
    K ScatterAdd(Indexing extents, View indices, View updates, int target, Func<long, int> room);

    /// <summary>Products summed over paired axes; a view can be copied first.</summary>
    K Contract(Operation.Contract contract, View left, View right, int target, Func<View, View> copied, Func<long, int> room);

    /// <summary>A decomposition of each matrix.</summary>
    K Decompose(Decomposition kind, View operand, Shape shape, Shape result, int target);

    /// <summary>The solution of each linear system.</summary>
    K Solve(LinearSystem system, View left, View right, Shape shape, Shape result, int target);

    /// <summary>A convolution.</summary>
    K Convolve(Operation.Convolve convolve, View image, View kernel, int target, Shape result, Func<long, int> room);

    /// <summary>Elements combined in windows.</summary>
    K Window(Operation.Window window, View operand, Shape shape, int target, Shape result);

    /// <summary>What flows between an image and the extremes of its windows: to the windows, or, if it spreads, back from them.</summary>
    K WindowShare(
        Reduction kind, Windows windows, View operand, View flow, Shape image, Shape result, int target, bool spreads, Func<long, int> room);

    /// <summary>The order of elements along the middle of three extents.</summary>
    K Sort(View operand, int target, Extents extents, bool descending, Func<long, int> room);

    /// <summary>Bodies, planned already in the order of <see cref="Operation.Structured.Bodies"/>, run as the operation says.</summary>
    K Structured(Operation.Structured structured, Plan<K>[] bodies, View[] operands, (int Result, int Slot)[] targets);

    /// <summary>
    /// Steps put together where several are better done as one; <paramref name="whole"/> says which slot a slot lies in, <paramref name="isResult"/> whether
    /// a slot is asked for when all is done, <paramref name="room"/> gives a slot of so many bytes.
    /// </summary>
    K[] Merge(K[] kernels, IReadOnlyList<long> slotBytes, Func<int, int> whole, Func<int, bool> isResult, Func<long, int> room);
}
