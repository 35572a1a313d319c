using System.Collections.Concurrent;
using System.Diagnostics;

namespace Ad.Tensors.Cpu;

/// <summary>Which library of matrix products is asked beside our kernels, if any, and whether it must show first that it is faster.</summary>
internal sealed class Blas
{
    // Far more shapes than a program has; beyond them all are looked at anew rather than kept without end.
    private const int MostShapes = 4096;

    private const string AlwaysPrefix = "always:";

    private readonly ConcurrentDictionary<(BlasShape Shape, int Threads), Turns> _turns = [];
    private readonly bool _isAlways;
    private readonly Func<long> _clock;

    /// <summary>A library, and a clock of <see cref="Stopwatch"/>'s ticks to tell which is faster.</summary>
    public Blas(string setting, IBlas? library, bool isAlways, Func<long>? clock = null) =>
        (Setting, Library, _isAlways, _clock) = (setting, library, isAlways, clock ?? Stopwatch.GetTimestamp);

    /// <summary>No library.</summary>
    public static Blas None { get; } = new("none", null, false);

    /// <summary>What somebody wrote: none, auto, always, a library's name or path, or always: and one.</summary>
    public string Setting { get; }

    /// <summary>The library, if there is one.</summary>
    public IBlas? Library { get; }

    /// <summary>Does what somebody wrote; no text is none.</summary>
    /// <exception cref="BlasException">A library that was named cannot be used, or none is there for always.</exception>
    public static Blas Of(string? setting)
    {
        if (string.IsNullOrEmpty(setting) || Is(setting, "none"))
        {
            return None;
        }

        if (Is(setting, "auto"))
        {
            return new Blas(setting, NativeBlas.Find(), false);
        }

        if (Is(setting, "always"))
        {
            return NativeBlas.Find() is { } found
                ? new Blas(setting, found, true)
                : throw new BlasException("FUNCTIONAL_BLAS (Device.CpuBlas, --blas) is always, but none of MKL, OpenBLAS and BLIS was found. Install one, or name its file: always: and a path.");
        }

        return setting.StartsWith(AlwaysPrefix, StringComparison.OrdinalIgnoreCase)
            ? new Blas(setting, NativeBlas.Open(setting[AlwaysPrefix.Length..]), true)
            : new Blas(setting, NativeBlas.Open(setting), false);
    }

    /// <summary>Whose turn it is for a product alone, with so many threads; null where no library is asked.</summary>
    public Turns? TurnsOf(BlasShape shape, int threads)
    {
        if (_turns.TryGetValue((shape, threads), out var turns) || NewTurns() is not { } made)
        {
            return turns;
        }

        if (_turns.Count >= MostShapes)
        {
            _turns.Clear();
        }

        return _turns.GetOrAdd((shape, threads), made);
    }

    /// <summary>Turns of their own; null where no library is asked.</summary>
    public Turns? NewTurns() => Library is null ? null : _isAlways ? Turns.Always(Library) : new Turns(Library, _clock);

    /// <summary>What does matrix products, as a clause.</summary>
    public override string ToString() =>
        Library is not null ? _isAlways ? $"{Library.Name} wherever it can" : $"kernels of our own or {Library.Name}, whichever is measured faster for a shape"
        : Setting != None.Setting ? "kernels of our own, as none of MKL, OpenBLAS and BLIS was found"
        : NativeBlas.Find() is { } found ? $"kernels of our own; {found.Name} is there, and not asked without --blas"
        : "kernels of our own";

    private static bool Is(string setting, string word) => setting.Equals(word, StringComparison.OrdinalIgnoreCase);
}
