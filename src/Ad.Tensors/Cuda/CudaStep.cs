namespace Ad.Tensors.Cuda;

/// <summary>One step of a plan on a CUDA device.</summary>
internal abstract class CudaStep : PlanStep
{
    /// <summary>Whether it only asks the device for work, and never waits for an answer: then it can be part of a graph.</summary>
    public abstract bool IsCapturable { get; }

    /// <summary>Whether it may find something wrong with the values it is given.</summary>
    public virtual bool CanFail => false;

    /// <summary>Adds its functions to the plan's module.</summary>
    public abstract void Write(ModuleSource source);

    /// <summary>Asks the device for its work.</summary>
    public abstract void Run(CudaFrame frame);
}

/// <summary>A kernel to launch: its text, the parts of the library it uses, its extent, and the slots that are its arguments in order.</summary>
internal sealed record Launch(string Text, string[] Parts, Grid Grid, int Threads, int[] Slots, Failure? Failure = null);

/// <summary>A step of kernels launched one after another, after some slots are cleared.</summary>
internal sealed class LaunchStep(string text, int[] reads, int[] writes, Launch[] launches) : CudaStep
{
    private readonly string[] _names = new string[launches.Length];
    private readonly int[] _numbers = new int[launches.Length];

    public override IEnumerable<int> Reads => reads.Distinct();

    public override IEnumerable<int> Writes => writes;

    public override bool IsCapturable => true;

    public override bool CanFail => launches.Any(l => l.Failure is not null);

    /// <summary>The slots set to 0 first, with their bytes.</summary>
    public (int Slot, long Bytes)[] Cleared { get; init; } = [];

    /// <summary>Element operations it does.</summary>
    public long Operations { get; init; }

    /// <summary>The group that it is, if it is one.</summary>
    public PointwiseGroup? Group { get; init; }

    /// <summary>Makes the same step with a pointwise group that each result goes through before it is written, if there can be one.</summary>
    public Func<PointwiseGroup, LaunchStep>? Absorb { get; set; }

    /// <summary>The kernels.</summary>
    public IReadOnlyList<Launch> Launches => launches;

    public override long Flops => Operations;

    // A thread stores what it computed of an element, or of four in a row, when it has loaded all it needs of them.
    public override bool ReadsInPlace(int source, int target) => Group is { } group && group.ReadsInPlace(source, target);

    public override void Write(ModuleSource source)
    {
        for (var i = 0; i < launches.Length; i++)
        {
            _names[i] = source.Add(launches[i].Text, launches[i].Parts);
            _numbers[i] = launches[i].Failure is { } failure ? source.Number(failure) : 0;
        }
    }

    public override void Run(CudaFrame frame)
    {
        foreach (var (slot, bytes) in Cleared)
        {
            if (bytes > 0)
            {
                frame.Driver.Clear(frame[slot], bytes);
            }
        }

        for (var i = 0; i < launches.Length; i++)
        {
            var launch = launches[i];
            var arguments = new ulong[launch.Slots.Length + (launch.Failure is null ? 0 : 2)];
            for (var a = 0; a < launch.Slots.Length; a++)
            {
                arguments[a] = frame[launch.Slots[a]];
            }

            if (launch.Failure is not null)
            {
                (arguments[^2], arguments[^1]) = (frame.Module.Error, (ulong)_numbers[i]);
            }

            frame.Driver.Launch(frame.Module.Function(_names[i]), launch.Grid, launch.Threads, arguments);
        }
    }

    public override string ToString() => text;
}
