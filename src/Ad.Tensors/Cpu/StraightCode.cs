using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>A piece of straight code: arrays, and the byte in each where it starts, for what lies elsewhere, and the address of its own memory.</summary>
internal delegate void StraightPiece(byte[][] arrays, int[] starts, nint memory);

/// <summary>
/// Code without loops over anything but a few vectors, made for small tensors of known sizes. It works in memory of its own, in which each slot has
/// a place with room for whole vectors: what is elsewhere is copied in before and out after.
/// </summary>
internal sealed class StraightCode(StraightPiece[] pieces, long bytes, (int At, byte[] Bytes)[] constants, IReadOnlyDictionary<int, int> homes)
{
    private byte[]? _spare;

    /// <summary>Where in the memory a slot is.</summary>
    public int Home(int slot) => homes[slot];

    /// <summary>Whether a slot has a place.</summary>
    public bool Has(int slot) => homes.ContainsKey(slot);

    /// <summary>Memory to run in, for one at a time.</summary>
    public byte[] Rent()
    {
        if (Interlocked.Exchange(ref _spare, null) is { } spare)
        {
            return spare;
        }

        // Pinned, as the code holds its address.
        var memory = GC.AllocateUninitializedArray<byte>((int)bytes + 64, pinned: true);
        foreach (var (at, constant) in constants)
        {
            constant.CopyTo(memory, BlockPool.Start(memory) + at);
        }

        return memory;
    }

    /// <summary>Has the compiler do its work now rather than at the first run.</summary>
    public void Compile()
    {
        foreach (var piece in pieces)
        {
            RuntimeHelpers.PrepareDelegate(piece);
        }
    }

    /// <summary>Gives memory back.</summary>
    public void Return(byte[] memory) => Volatile.Write(ref _spare, memory);

    /// <summary>Runs in memory that was rented.</summary>
    public void Run(byte[][] arrays, int[] starts, byte[] memory)
    {
        var address = BlockPool.Address(memory) + BlockPool.Start(memory);
        foreach (var piece in pieces)
        {
            AlignedCall.Run(piece, arrays, starts, address);
        }
    }

    /// <summary>A slot's bytes in memory that was rented.</summary>
    public Span<byte> Bytes(byte[] memory, int slot, long count) => memory.AsSpan(BlockPool.Start(memory) + homes[slot], (int)count);
}
