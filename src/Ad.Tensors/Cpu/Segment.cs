namespace Ad.Tensors.Cpu;

/// <summary>A loop over some elements: for every node that it reads or writes in memory, the array and the byte in it where its first element is.</summary>
internal delegate void SegmentLoop(byte[][] arrays, int[] offsets, int count);

/// <summary>
/// Nodes of a group that one emitted loop computes, with what is only of use among them in registers. A loop takes a whole number of steps: a
/// last one that would go too far starts earlier instead, and fewer elements than one step has are done in memory of their own.
/// </summary>
internal sealed class Segment(SegmentLoop loop, int[] reads, int[] constants, int[] writes)
{
    /// <summary>Bytes that <see cref="Run"/> needs beside the operands' memory.</summary>
    public int PadBytes => (reads.Length + writes.Length) * PadSize;

    private static int PadSize => SegmentEmitter.Step * sizeof(double);

    public void Run(GroupProgram program, byte[][] arrays, int[] offsets, int count, byte[] pad)
    {
        if (count >= SegmentEmitter.Step)
        {
            loop(arrays, offsets, count);
            return;
        }

        var padArrays = new byte[arrays.Length][];
        var padOffsets = new int[arrays.Length];
        foreach (var node in constants)
        {
            (padArrays[node], padOffsets[node]) = (arrays[node], offsets[node]);
        }

        var at = 0;
        foreach (var node in reads)
        {
            (padArrays[node], padOffsets[node]) = (pad, at);
            Bytes(program, arrays, offsets, node, count).CopyTo(pad.AsSpan(at));
            at += PadSize;
        }

        foreach (var node in writes)
        {
            (padArrays[node], padOffsets[node]) = (pad, at);
            at += PadSize;
        }

        loop(padArrays, padOffsets, SegmentEmitter.Step);
        foreach (var node in writes)
        {
            Bytes(program, padArrays, padOffsets, node, count).CopyTo(Bytes(program, arrays, offsets, node, count));
        }
    }

    private static Span<byte> Bytes(GroupProgram program, byte[][] arrays, int[] offsets, int node, int count) =>
        arrays[node].AsSpan(offsets[node], count * program.Nodes[node].Type.Size());
}
