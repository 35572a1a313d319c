using Ad.Tensors.Cpu;

namespace Ad.Tensors;

/// <summary>
/// The bytes of a tensor in the host's memory, shared by the storages that show them under one shape or another. Large ones are lent by
/// <see cref="Loans"/>, which take them back when nothing reaches this object: whoever uses the array keeps it alive meanwhile.
/// </summary>
internal sealed class HostMemory
{
    private readonly int _length;
    private readonly Loans.Loan? _loan;

    private HostMemory(byte[] array, int start, int length, Loans.Loan? loan) =>
        (Array, Start, _length, _loan) = (array, start, length, loan);

    /// <summary>The array that holds the bytes.</summary>
    public byte[] Array { get; }

    /// <summary>Where they begin in it.</summary>
    public int Start { get; }

    /// <summary>All bytes, for whoever keeps this object alive while it has them.</summary>
    public Span<byte> Bytes => Array.AsSpan(Start, _length);

    /// <summary>Room for so many bytes, with anything in it.</summary>
    public static HostMemory Allocate(int bytes)
    {
        if (bytes < Loans.LeastBytes || bytes > BlockPool.MostBytesAtOnce)
        {
            return new HostMemory(GC.AllocateUninitializedArray<byte>(bytes), 0, bytes, null);
        }

        var loan = Loans.Make(bytes);
        var memory = new HostMemory(loan.Block, BlockPool.Start(loan.Block), bytes, loan);
        loan.To(memory);
        return memory;
    }

    /// <summary>All bytes, for anybody: no other tensor ever gets them.</summary>
    public Span<byte> Show()
    {
        _loan?.Keep();
        var bytes = Bytes;
        GC.KeepAlive(this);
        return bytes;
    }
}
