using System.Globalization;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace Ad.Host;

/// <summary>Measures the gradient of a function of so many inputs in both modes.</summary>
public delegate ModeRow ModesMeasurement(int inputs, int repeats);

/// <summary>Compares forward with reverse mode: n passes against one.</summary>
public sealed class ModesVerb(ModesMeasurement measure, IOptions<ModesOptions> options, IAnsiConsole console) : IVerb
{
    /// <inheritdoc/>
    public int Run(CancellationToken stopping)
    {
        var o = options.Value;
        var rows = new List<ModeRow>();
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        string[] headings = ["n", "forward: passes", "evaluations", "time", "reverse: passes", "evaluations", "time", "forward / reverse"];
        table.AddColumns([.. headings.Select(h => new TableColumn(h).RightAligned())]);

        foreach (var n in ModeRow.Sizes(o.Inputs))
        {
            stopping.ThrowIfCancellationRequested();
            var row = measure(n, o.Repeats);
            rows.Add(row);
            table.AddRow(Cells(row));
        }

        console.WriteLine("The full gradient of f(x) = sum(sin(x) * exp(-x²)) + log(1 + sum(x²)), n inputs and one output:");
        console.Write(table);
        console.WriteLine("time of a gradient; F forward, R reverse, * both");
        foreach (var line in TerminalChart.Lines(rows))
        {
            console.WriteLine(line);
        }

        Write(o.Svg, () => SvgChart.Of(rows));
        Write(o.Csv, () => ModeRow.Csv(rows));
        return ExitCodes.Done;
    }

    private void Write(string? file, Func<string> text)
    {
        if (file is not null)
        {
            TextFile.Write(file, text());
            console.WriteLine($"written to {file}");
        }
    }

    private static string[] Cells(ModeRow row) =>
    [
        Count(row.Inputs),
        Count(row.Forward.Passes),
        Count(row.Forward.Evaluations),
        Durations.Text(row.Forward.Seconds),
        Count(row.Reverse.Passes),
        Count(row.Reverse.Evaluations),
        Durations.Text(row.Reverse.Seconds),
        row.Ratio.ToString("0.0", CultureInfo.InvariantCulture),
    ];

    private static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
