using System.Globalization;
using Ad.Checks;
using Spectre.Console;

namespace Ad.Host;

/// <summary>A check of random programs that shows how far it is, keeps that in a file, and can be stopped at any time.</summary>
public sealed class SoakRun(IGradientLaws laws, GradcheckOptions options, IAnsiConsole console, TimeProvider time)
{
    private static readonly TimeSpan BetweenWrites = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromMinutes(1);

    private readonly int _programs = options.Programs > 0 ? options.Programs : int.MaxValue;

    /// <summary>Checks until there were enough programs, the time is up, or somebody stops it; what was tried is in the state, and in its file.</summary>
    public SoakState Check(CancellationToken stopping)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        using var alarm = options.Minutes > 0
            ? time.CreateTimer(_ => enough.Cancel(), null, TimeSpan.FromMinutes(options.Minutes), Timeout.InfiniteTimeSpan)
            : null;
        var from = options.State is { } file ? SoakFile.Read(file, options.Seed) : Soak.start(options.Seed);

        var reached = console.Profile.Out.IsTerminal && console.Profile.Capabilities.Interactive
            ? console.Status().Start("checking", status => Check(from, state => status.Status = Line(from, state), enough.Token))
            : Check(from, Every(BetweenLines, state => console.WriteLine(Line(from, state))), enough.Token);

        if (options.State is { } kept)
        {
            SoakFile.Write(kept, reached);
        }

        if (stopping.IsCancellationRequested && reached.Programs < _programs)
        {
            console.WriteLine($"stopped after {reached.Programs} programs{(options.State is null ? "" : "; the same command goes on from there")}");
        }

        return reached;
    }

    private SoakState Check(SoakState from, Action<SoakState> show, CancellationToken enough)
    {
        var write = options.State is { } file ? Every(BetweenWrites, state => SoakFile.Write(file, state)) : _ => { };
        return laws.CheckPrograms(from, _programs, state => { show(state); write(state); }, enough);
    }

    // At once, and then from time to time: a state that is left out is part of the next one.
    private Action<SoakState> Every(TimeSpan apart, Action<SoakState> act)
    {
        long? last = null;
        return state =>
        {
            if (last is not { } before || time.GetElapsedTime(before) >= apart)
            {
                act(state);
                last = time.GetTimestamp();
            }
        };
    }

    private string Line(SoakState from, SoakState state)
    {
        var rate = (state.Programs - from.Programs) / Math.Max(1e-3, state.Seconds - from.Seconds);
        var of = options.Programs > 0 ? string.Create(CultureInfo.InvariantCulture, $" of {options.Programs}") : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"checked {state.Programs}{of} programs, {state.Failures.Length} failures, {rate:0.0} a second");
    }
}
