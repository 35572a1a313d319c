using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// A loop over some elements of some rows: for every node that it reads or writes in memory, the array, the byte in it where its first element is, and how many
/// bytes further those of the next row are.
/// </summary>
internal delegate void SegmentLoop(byte[][] arrays, int[] offsets, int count, int rows, int[] shifts);

/// <summary>Memory for fewer elements than one step has, with room beyond them.</summary>
internal sealed class SegmentPad(int bytes, int nodes)
{
    public byte[] Bytes { get; } = new byte[bytes];

    public byte[][] Arrays { get; } = new byte[nodes][];

    public int[] Offsets { get; } = new int[nodes];
}

/// <summary>
/// Nodes of a group that one emitted loop computes, with what is only of use among them in registers. A loop takes a whole number of steps: a
/// last one that would go too far starts earlier instead, and fewer elements than one step has are done in memory of their own. There is a
/// loop for each choice of operands that are one element all along.
/// </summary>
internal sealed class Segment(GroupProgram program, int[] inside, int[] reads, int[] constants, int[] writes)
{
    private readonly SegmentLoop _plain = SegmentEmitter.Loop(program, inside, reads, constants, writes);
    private readonly ConcurrentDictionary<ulong, SegmentLoop> _uniform = new();
    private readonly int[] _choices = [.. reads.Where(r => program.MayBeUniform[r])];

    /// <summary>The nodes that it reads in memory, but for constants.</summary>
    public int[] Reads => reads;

    /// <summary>The nodes that it writes to memory.</summary>
    public int[] Writes => writes;

    /// <summary>Bytes that <see cref="Run"/> needs beside the operands' memory.</summary>
    public int PadBytes => (reads.Length + writes.Length) * PadSize;

    private static int PadSize => SegmentEmitter.Step * sizeof(double);

    /// <summary>Whether it computes a node.</summary>
    public bool Computes(int node) => Array.IndexOf(inside, node) >= 0;

    /// <summary>
    /// Computes some elements. Operands that are uniform have one element for all of them. Where results may lie over operands, no element is
    /// computed twice.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(byte[][] arrays, int[] offsets, bool[] uniform, int count, SegmentPad pad, bool inPlace)
    {
        var loop = Loop(uniform);
        var left = count;
        if (count >= SegmentEmitter.Step)
        {
            left = inPlace ? count % SegmentEmitter.Step : 0;
            AlignedCall.Run(loop, arrays, offsets, count - left, 1, []);
        }

        if (left > 0)
        {
            Rest(loop, arrays, offsets, uniform, count - left, left, pad);
        }
    }

    /// <summary>Computes rows that lie alike, unless they are of less than one step. Where results may lie over operands, what is less than a step at the end of each comes last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryRows(byte[][] arrays, int[] offsets, bool[] uniform, int count, int rows, int[] shifts, SegmentPad pad, bool inPlace)
    {
        if (count < SegmentEmitter.Step)
        {
            return false;
        }

        var loop = Loop(uniform);
        var left = inPlace ? count % SegmentEmitter.Step : 0;
        AlignedCall.Run(loop, arrays, offsets, count - left, rows, shifts);
        for (var row = 0; row < rows && left > 0; row++)
        {
            Rest(loop, arrays, offsets, uniform, count - left, left, pad);
            Move(offsets, shifts, row < rows - 1 ? 1 : 1 - rows);
        }

        return true;
    }

    private static void Move(int[] offsets, int[] shifts, int rows)
    {
        for (var i = 0; i < offsets.Length; i++)
        {
            offsets[i] += rows * shifts[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private SegmentLoop Loop(bool[] uniform)
    {
        var which = 0UL;
        for (var i = 0; i < _choices.Length; i++)
        {
            which |= uniform[_choices[i]] ? 1UL << i : 0;
        }

        return which == 0 ? _plain
            : _uniform.TryGetValue(which, out var loop) ? loop
            : _uniform.GetOrAdd(which, _ => SegmentEmitter.Loop(
                program, inside, [.. reads.Where(r => !uniform[r])], [.. constants, .. reads.Where(r => uniform[r])], writes));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Rest(SegmentLoop loop, byte[][] arrays, int[] offsets, bool[] uniform, int start, int count, SegmentPad pad)
    {
        var (padArrays, padOffsets) = (pad.Arrays, pad.Offsets);
        foreach (var node in constants)
        {
            (padArrays[node], padOffsets[node]) = (arrays[node], offsets[node]);
        }

        var at = 0;
        foreach (var node in reads)
        {
            if (uniform[node])
            {
                (padArrays[node], padOffsets[node]) = (arrays[node], offsets[node]);
                continue;
            }

            (padArrays[node], padOffsets[node]) = (pad.Bytes, at);
            Bytes(arrays, offsets, node, start, count).CopyTo(pad.Bytes.AsSpan(at));
            at += PadSize;
        }

        foreach (var node in writes)
        {
            (padArrays[node], padOffsets[node]) = (pad.Bytes, at);
            at += PadSize;
        }

        AlignedCall.Run(loop, padArrays, padOffsets, SegmentEmitter.Step, 1, []);
        foreach (var node in writes)
        {
            Bytes(padArrays, padOffsets, node, 0, count).CopyTo(Bytes(arrays, offsets, node, start, count));
        }

        foreach (var node in reads)
        {
            padArrays[node] = null!;
        }
    }

    private Span<byte> Bytes(byte[][] arrays, int[] offsets, int node, int start, int count)
    {
        var size = program.Nodes[node].Type.Size();
        return arrays[node].AsSpan(offsets[node] + (start * size), count * size);
    }
}
