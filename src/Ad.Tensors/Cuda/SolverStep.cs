namespace Ad.Tensors.Cuda;

/// <summary>A part of a step by a library: a kernel, whose arguments are slots or, as ~p, parts of the memory that the step works in; or a call for each matrix.</summary>
internal abstract record SolverStage
{
    public sealed record Kernel(string Text, int[] Arguments) : SolverStage;

    /// <summary>A call; the parts are those of <see cref="SolverPlaces"/> from A to Info, -1 where there is none.</summary>
    public sealed record Call(SolverCall Kind, int M, int N, int A, int B = -1, int C = -1, int D = -1, int Pivots = -1, int Info = -1) : SolverStage;

    /// <summary>Cholesky's decomposition of all matrices at once.</summary>
    public sealed record Many(int N, int Addresses, int Info) : SolverStage;
}

/// <summary>A decomposition or a solution by the device's library, with kernels of our own before and after: a batch of matrices stays on the device.</summary>
internal sealed class SolverStep(string text, int[] reads, int target, int batch, long flops, long[] parts, SolverStage[] stages) : CudaStep
{
    private const int Threads = 256;
    private const long Alignment = 256;

    private readonly Dictionary<string, string> _names = [];
    private int _room = -1;

    public override IEnumerable<int> Reads => reads.Distinct();

    public override IEnumerable<int> Writes => [target];

    public override long Flops => flops;

    // Some of the library's calls wait for the device.
    public override bool IsCapturable => false;

    public override void Write(ModuleSource source)
    {
        foreach (var kernel in stages.OfType<SolverStage.Kernel>())
        {
            _names[kernel.Text] = source.Add(kernel.Text, "solve");
        }
    }

    public override void Run(CudaFrame frame)
    {
        var library = frame.Device.Solvers ?? throw new InvalidOperationException("A plan with a library's steps has no library.");
        if (_room < 0)
        {
            _room = stages.OfType<SolverStage.Call>().Select(c => library.Room(c.Kind, c.M, c.N)).DefaultIfEmpty(0).Max();
        }

        var starts = new ulong[parts.Length];
        var end = 0L;
        for (var p = 0; p < parts.Length; p++)
        {
            starts[p] = (ulong)end;
            end += Rounded(parts[p] * batch);
        }

        using var memory = frame.Borrow(end + (_room * (long)sizeof(double)), $"the {text} of the solver library");
        ulong Place(int part, int item) => part < 0 ? 0 : memory.Address + starts[part] + (ulong)(parts[part] * item);
        foreach (var stage in stages)
        {
            switch (stage)
            {
                case SolverStage.Kernel kernel:
                    frame.Driver.Launch(
                        frame.Module.Function(_names[kernel.Text]), new Grid(batch), Threads, [.. kernel.Arguments.Select(a => a >= 0 ? frame[a] : Place(~a, 0))]);
                    break;
                case SolverStage.Call call:
                    for (var item = 0; item < batch; item++)
                    {
                        var places = new SolverPlaces(
                            Place(call.A, item), Place(call.B, item), Place(call.C, item), Place(call.D, item), Place(call.Pivots, item), Place(call.Info, item),
                            memory.Address + (ulong)end, _room);
                        frame.Driver.Ask($"cusolver {call.Kind}", stream => library.Do(call.Kind, call.M, call.N, places, stream));
                    }

                    break;
                case SolverStage.Many many:
                    frame.Driver.Ask("cusolver Cholesky of many", stream => library.CholeskyOfMany(many.N, Place(many.Addresses, 0), Place(many.Info, 0), batch, stream));
                    break;
            }
        }
    }

    public override string ToString() => $"{text} of {batch} matrices -> s{target} by the solver library";

    private static long Rounded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
