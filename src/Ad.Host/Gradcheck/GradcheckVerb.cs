using System.Globalization;
using Ad.Checks;
using Ad.Host.Arguments;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace Ad.Host;

/// <summary>The gradient laws: which operations there are, and a check of some of them.</summary>
public interface IGradientLaws
{
    /// <summary>Every operation that has laws.</summary>
    IReadOnlyList<string> Operations { get; }

    /// <summary>Checks every law of the operations; a failure shrinks to a small case and says how to repeat it.</summary>
    IReadOnlyList<LawResult> Check(
        int cases, string? replay, IReadOnlyList<string> operations, Action<LawResult> progress, CancellationToken stopping);

    /// <summary>Goes on checking every law on random programs, until so many were tried in all or it is told to stop; progress is told every state.</summary>
    SoakState CheckPrograms(SoakState from, int programs, Action<SoakState> progress, CancellationToken stopping);
}

/// <summary>Checks the derivative of every operation against the gradient laws, and shows a table of the results.</summary>
public sealed class GradcheckVerb(IGradientLaws laws, IOptions<GradcheckOptions> options, IAnsiConsole console, TimeProvider time) : IVerb
{
    /// <inheritdoc/>
    public int Run(CancellationToken stopping)
    {
        var o = options.Value;
        if (o.Assembly is not null && (o.IsSoak || o.Names.Count > 0 || o.Replay is not null))
        {
            throw ShellException.BadOption("--assembly goes without --programs, --minutes, --operation and --replay.");
        }

        if (o.State is not null && !o.IsSoak)
        {
            throw ShellException.BadOption("--state goes with --programs or --minutes.");
        }

        var operations = o.Names.Count == 0 ? laws.Operations : Known(o.Names);
        var began = time.GetTimestamp();
        var soak = o.IsSoak ? new SoakRun(laws, o, console, time).Check(stopping) : null;
        var results = o.Assembly is { } file
            ? Show(null, report => UserAssembly.Check(file, report, stopping))
            : soak is not null
            ? GradientCheck.ProgramResults(soak)
            : Show(operations.Count, report => laws.Check(o.Cases, o.Replay, operations, report, stopping));
        var what = o.Assembly is not null
            ? string.Create(CultureInfo.InvariantCulture, $"{results.Count} examples of {Path.GetFileName(o.Assembly)}")
            : soak is not null
            ? string.Create(CultureInfo.InvariantCulture, $"{soak.Programs} random programs from seed {o.Seed}")
            : string.Create(CultureInfo.InvariantCulture, $"{operations.Count} operations");
        var failures = results.Where(r => !r.Passed).ToArray();

        console.Write(Table(results));
        foreach (var failure in failures)
        {
            console.WriteLine();
            console.WriteLine(FailureText.Of(failure));
        }

        Write(o.Junit, () => JunitReport.Of(results));
        Write(o.Json, () => JsonReport.Of(results));
        console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{results.Count - failures.Length} laws hold, {failures.Length} fail, over {what} in {soak?.Seconds ?? time.GetElapsedTime(began).TotalSeconds:0.0} s"));
        return failures.Length == 0 ? ExitCodes.Done : ExitCodes.LawBroken;
    }

    private IReadOnlyList<LawResult> Show(int? count, Func<Action<LawResult>, IReadOnlyList<LawResult>> check)
    {
        if (!console.Profile.Out.IsTerminal || !console.Profile.Capabilities.Interactive)
        {
            return check(_ => { });
        }

        var seen = new HashSet<string>();
        return console.Status().Start("checking", status => check(result =>
        {
            seen.Add(result.Operation);
            status.Status = $"checking {Markup.Escape(result.Operation)} ({seen.Count}{(count is null ? "" : $" of {count}")})";
        }));
    }

    private string[] Known(IReadOnlyList<string> names)
    {
        var unknown = names.FirstOrDefault(name => !laws.Operations.Contains(name, StringComparer.OrdinalIgnoreCase));
        return unknown is null
            ? [.. laws.Operations.Where(operation => names.Contains(operation, StringComparer.OrdinalIgnoreCase))]
            : throw ShellException.BadOption(
                $"--operation names '{unknown}', but there is no such operation.{Nearest.Suggestion(laws.Operations, unknown)}");
    }

    private void Write(string? file, Func<string> text)
    {
        if (file is not null)
        {
            TextFile.Write(file, text());
            console.WriteLine($"written to {file}");
        }
    }

    private static Table Table(IReadOnlyList<LawResult> results)
    {
        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn("operation");
        table.AddColumn(new TableColumn("laws").RightAligned());
        table.AddColumn(new TableColumn("cases").RightAligned());
        table.AddColumn(new TableColumn("time").RightAligned());
        table.AddColumn("result");

        foreach (var operation in results.GroupBy(r => r.Operation))
        {
            var failed = operation.Where(r => !r.Passed).Select(r => r.Law).ToArray();
            table.AddRow(
                Markup.Escape(operation.Key),
                operation.Count().ToString(CultureInfo.InvariantCulture),
                operation.Sum(r => r.Cases).ToString(CultureInfo.InvariantCulture),
                Durations.Text(operation.Sum(r => r.Seconds)),
                failed.Length == 0 ? "[green]holds[/]" : $"[red]fails[/] {Markup.Escape(string.Join("; ", failed))}");
        }

        return table;
    }
}
