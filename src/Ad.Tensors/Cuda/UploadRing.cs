namespace Ad.Tensors.Cuda;

/// <summary>
/// Copies to a device that the host does not wait for: the bytes go into pinned memory, in pieces, and are the caller's again at once. The host waits only
/// when it is so far ahead that every piece is still under way.
/// </summary>
internal sealed unsafe class UploadRing(ICudaDriver driver)
{
    /// <summary>Bytes of a piece.</summary>
    public const int Piece = 4 << 20;

    private const int Pieces = 4;

    // Where a small copy may begin within a piece.
    private const int Alignment = 256;

    private readonly nint[] _memory = new nint[Pieces];
    private readonly nint[] _marks = new nint[Pieces];
    private int _piece;
    private int _used;

    /// <summary>Copies bytes, in the order of all other work.</summary>
    public void Upload(ulong target, ReadOnlySpan<byte> source)
    {
        while (source.Length > 0)
        {
            if (_used == Piece || (_used > 0 && source.Length > Piece - _used))
            {
                Next();
            }

            if (_memory[_piece] == 0)
            {
                _memory[_piece] = driver.AllocateHost(Piece);
            }

            var count = Math.Min(Piece - _used, source.Length);
            var memory = _memory[_piece] + _used;
            source[..count].CopyTo(new Span<byte>((void*)memory, count));
            driver.UploadLater(target, memory, count);
            _used = Math.Min(Piece, (_used + count + Alignment - 1) / Alignment * Alignment);
            target += (ulong)count;
            source = source[count..];
        }
    }

    // A mark is set when a piece is full, and waited for when the piece is needed again.
    private void Next()
    {
        _marks[_piece] = driver.Mark();
        (_piece, _used) = ((_piece + 1) % Pieces, 0);
        if (_marks[_piece] != 0)
        {
            driver.Await(_marks[_piece]);
            driver.Unmark(_marks[_piece]);
            _marks[_piece] = 0;
        }
    }
}
