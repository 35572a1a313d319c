using System.Numerics;

namespace Ad.Tensors.Cpu;

internal sealed partial class ContractKernel
{
    // For smaller products a library's call costs more than it could save.
    private const long FewForLibrary = 32 * 1024;

    private readonly CpuDevice _device;
    private readonly BlasShape? _shape;

    // With a group that takes tiles a product's time is its own.
    private volatile WithGroup? _withGroup;

    // The shape that a library can be asked for: one of large products whose factors it can read as they lie.
    private BlasShape? Asked() =>
        _left.Type is DType.Float32 or DType.Float64 && _layout.Products1 >= FewForLibrary && Choice is Way.Blocks or Way.Narrow ? BlasShape.Of(_left.Type, _layout) : null;

    private Turns? TurnsOf(int threads, bool isTiled)
    {
        if (_shape is not { } shape || _device.Blas is not { Library: not null } blas)
        {
            return null;
        }

        if (!isTiled)
        {
            return blas.TurnsOf(shape, threads);
        }

        var known = _withGroup;
        if (known is null || known.Blas != blas || known.Threads != threads)
        {
            _withGroup = known = new WithGroup(blas, threads, blas.NewTurns()!);
        }

        return known.Turns;
    }

    private unsafe void ByTurns<T>(Turns turns, Way way, Matrix<T> a, Matrix<T> b, T* c, T* panels, Workers workers, ITiles? tiles)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var turn = turns.Begin();
        if (turn.IsLibrary)
        {
            try
            {
                var work = new BlasProduct<T>(turns.Library, _shape!.Value, _layout, a.Start, b.Start, c, tiles);
                workers.Run(work, work.Items, _layout.Products >= ProductsPerThread);
            }
            catch
            {
                turns.Fail();
                throw;
            }
        }
        else
        {
            Ours(way, a, b, c, panels, workers, tiles);
        }

        turns.End(turn);
    }

    /// <summary>What is done, and by whom, for a group that takes the tiles or for none.</summary>
    public string Text(bool isTiled)
    {
        var text = $"contract {_left} {_right} as [{_layout.Batches}, {_layout.M}, {_layout.N}] over {_layout.K}{(_panels < 0 ? "" : $" by panels s{_panels}")} -> s{_target}";
        return TurnsOf(_device.Workers.Threads, isTiled) is { } turns ? $"{text} {turns}" : text;
    }

    private sealed record WithGroup(Blas Blas, int Threads, Turns Turns);
}
