using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>The memory of one run: for every slot of the plan, the array that holds it and where it starts.</summary>
internal sealed class Frame(int slots)
{
    private readonly byte[][] _arrays = new byte[slots][];
    private readonly int[] _starts = new int[slots];

    public void Bind(int slot, byte[] array, int start) => (_arrays[slot], _starts[slot]) = (array, start);

    public byte[] Array(int slot) => _arrays[slot];

    public int Start(int slot) => _starts[slot];

    /// <summary>Runs straight code whose numbers of what lies outside are slots.</summary>
    public void Run(StraightCode code, byte[] memory) => code.Run(_arrays, _starts, memory);

    /// <summary>A slot's elements, as many as asked for.</summary>
    public Span<T> Elements<T>(int slot, long count)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(_arrays[slot].AsSpan(_starts[slot]))[..(int)count];

    /// <summary>All elements from a slot's start on, for whoever goes through them by a layout.</summary>
    public ReadOnlySpan<T> From<T>(int slot)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(_arrays[slot].AsSpan(_starts[slot]));

    /// <summary>All places from a slot's start on, for whoever writes to them by a layout.</summary>
    public Span<T> Into<T>(int slot)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(_arrays[slot].AsSpan(_starts[slot]));
}

/// <summary>One step of a plan on the host's processors.</summary>
internal abstract class Kernel : PlanStep
{
    /// <summary>Does the work.</summary>
    public abstract void Run(Frame frame, Workers workers);
}
