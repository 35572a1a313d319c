using System.Diagnostics;
using System.Runtime.InteropServices;
using Ad.Tensors.Cpu;

namespace Ad.Tensors;

/// <summary>
/// Blocks of the pool that hold results. A result lives as long as somebody reaches it, which only the garbage collector knows: a block is lent to
/// an object that nothing but a weak handle knows here, and taken back once that handle is empty. Fresh memory would be touched for the
/// first time page by page, which costs more than most arithmetic; so when much was lent since the last look, it asks the collector to look.
/// </summary>
internal static class Loans
{
    /// <summary>Results of fewer bytes are ordinary arrays, which the collector's youngest generation holds well.</summary>
    public const int LeastBytes = 64 * 1024;

    // So much is lent before the collector is asked, or half of what is alive: a collection takes up to a millisecond or two. Where that would be little of the time since the
    // last one, it is asked sooner.
    private const long LeastBudget = 32L << 20;
    private const long SoonerBudget = 8L << 20;
    private const int LittleOf = 50;

    // What outlived a collection is looked for less often; the oldest, when twice as much is alive as the last time.
    private const int SecondGeneration = 8;

    private static readonly Lock Gate = new();
    private static readonly List<Loan> Open = [];
    private static long _alive;
    private static long _since;
    private static long _floor;
    private static int _looks;
    private static int _collections;
    private static long _looked;
    private static long _lookTook;

    /// <summary>For tests: asks the collector at every loan, and overwrites what comes back.</summary>
    internal static bool IsStressed { get; set; }

    /// <summary>Bytes that are lent, as far as is known.</summary>
    internal static long Alive
    {
        get
        {
            lock (Gate)
            {
                return _alive;
            }
        }
    }

    /// <summary>A block for so many bytes, not yet lent to anybody.</summary>
    /// <exception cref="OutOfMemoryException">There is no memory left.</exception>
    public static Loan Make(int bytes)
    {
        lock (Gate)
        {
            if (IsStressed || (_since > SoonerBudget && IsTime(_since, _alive, Stopwatch.GetTimestamp() - _looked, _lookTook) && !BlockPool.Has(bytes)))
            {
                var start = Stopwatch.GetTimestamp();
                Look();
                _looked = Stopwatch.GetTimestamp();
                _lookTook = _looked - start;
            }
        }

        var loan = new Loan(Block(bytes));
        lock (Gate)
        {
            Open.Add(loan);
            _alive += loan.Block.Length;
            _since += loan.Block.Length;
        }

        return loan;
    }

    private static byte[] Block(int bytes)
    {
        try
        {
            return BlockPool.Rent(bytes);
        }
        catch (OutOfMemoryException)
        {
            // The collector cannot free what is lent here, nor what waits to be lent again.
            lock (Gate)
            {
                Collect(2);
            }

            BlockPool.Clear();
            return BlockPool.Rent(bytes);
        }
    }

    /// <summary>Whether to look, with so many bytes lent since the last look, so many alive, and so much time passed since that look, which took some.</summary>
    internal static bool IsTime(long since, long alive, long passed, long took) =>
        since > Math.Max(passed >= LittleOf * took ? SoonerBudget : LeastBudget, alive / 2);

    private static void Look()
    {
        // Somebody else's collection may have found enough.
        if (GC.CollectionCount(0) != _collections && !IsStressed)
        {
            Sweep();
            if (_alive < _floor + (LeastBudget / 2))
            {
                return;
            }
        }

        _looks++;
        Collect(_looks % SecondGeneration == 0 ? 1 : 0);
        if (_alive > (2 * _floor) + LeastBudget)
        {
            Collect(2);
        }
    }

    private static void Collect(int generation)
    {
        GC.Collect(generation, GCCollectionMode.Forced, blocking: true, compacting: false);
        Sweep();
        if (generation == 2)
        {
            _floor = _alive;
        }
    }

    private static void Sweep()
    {
        _collections = GC.CollectionCount(0);
        _since = 0;
        var kept = 0;
        for (var i = 0; i < Open.Count; i++)
        {
            var loan = Open[i];
            if (loan.IsOver)
            {
                _alive -= loan.Block.Length;
                loan.End(IsStressed);
            }
            else
            {
                Open[kept++] = loan;
            }
        }

        Open.RemoveRange(kept, Open.Count - kept);
    }

    /// <summary>A block, and a weak handle of whoever has it.</summary>
    internal sealed class Loan(byte[] block)
    {
        private GCHandle _owner;
        private volatile bool _isKept;

        public byte[] Block { get; } = block;

        /// <summary>Whether the one who had it is gone.</summary>
        public bool IsOver => _owner.IsAllocated && _owner.Target is null;

        /// <summary>Says who has it.</summary>
        public void To(HostMemory owner) => _owner = GCHandle.Alloc(owner, GCHandleType.Weak);

        /// <summary>The block may be reached in another way than through its owner, and is left to the collector at the end.</summary>
        public void Keep() => _isKept = true;

        /// <summary>Gives the block back.</summary>
        public void End(bool overwrite)
        {
            _owner.Free();
            if (_isKept)
            {
                return;
            }

            if (overwrite)
            {
                Block.AsSpan().Fill(0xFF);
            }

            BlockPool.Return(Block);
        }
    }
}
