using System.Globalization;
using System.Numerics;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Our kernels and a library take turns at the first calls for a shape, and the faster is taken from then on: the one whose fastest call took less, as whatever else a
/// machine does only adds to times.
/// </summary>
internal sealed class Turns(IBlas library, Func<long> clock)
{
    /// <summary>How many calls of each are looked at; one more of each comes before, in which code is compiled and memory touched for the first time.</summary>
    public const int Looks = 7;

    private readonly Lock _gate = new();
    private readonly long[] _least = [long.MaxValue, long.MaxValue];
    private readonly int[] _looks = new int[2];
    private int _begun = -1;
    private volatile Choice _choice = Choice.Open;

    private enum Choice { Open, Ours, Library, Failed }

    public IBlas Library => library;

    /// <summary>A library that is taken without a look at its times.</summary>
    public static Turns Always(IBlas library) => new(library, () => 0) { _choice = Choice.Library };

    /// <summary>Whose turn it is.</summary>
    public Turn Begin()
    {
        if (_choice != Choice.Open)
        {
            return new Turn(_choice == Choice.Library, null);
        }

        // The order of Thue and Morse, so that whoever calls every second or fourth time meets both too.
        var call = (uint)Interlocked.Increment(ref _begun);
        return new Turn((BitOperations.PopCount(call) & 1) != 0, call < 2 ? null : clock());
    }

    /// <summary>A call is done.</summary>
    public void End(Turn turn)
    {
        if (turn.Start is not { } start)
        {
            return;
        }

        var took = clock() - start;
        lock (_gate)
        {
            var which = turn.IsLibrary ? 1 : 0;
            _least[which] = Math.Min(_least[which], took);
            _looks[which]++;
            if (_choice == Choice.Open && _looks[0] >= Looks && _looks[1] >= Looks)
            {
                _choice = _least[1] < _least[0] ? Choice.Library : Choice.Ours;
            }
        }
    }

    /// <summary>The library failed in a call: it gets no other, unless it is always taken.</summary>
    public void Fail()
    {
        lock (_gate)
        {
            _choice = _choice == Choice.Open ? Choice.Failed : _choice;
        }
    }

    /// <summary>Who does it, as a plan says it.</summary>
    public override string ToString()
    {
        lock (_gate)
        {
            return _choice switch
            {
                Choice.Open => $"by our kernels and {library.Name} in turns",
                Choice.Ours => $"by our kernels{Times()}",
                Choice.Library => $"by {library.Name}{Times()}",
                Choice.Failed => $"by our kernels, as {library.Name} failed",
            };
        }
    }

    private string Times() => _looks[0] == 0
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $" ({Microseconds(_least[0]):F1} us by our kernels, {Microseconds(_least[1]):F1} by {library.Name})");

    private static double Microseconds(long ticks) => ticks * 1e6 / System.Diagnostics.Stopwatch.Frequency;

    /// <summary>Whose turn it is, and when it began if that is looked at.</summary>
    public readonly record struct Turn(bool IsLibrary, long? Start);
}
