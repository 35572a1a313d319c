namespace Ad.Host;

/// <summary>Draws the times of both modes with characters: F and R on axes that both go by powers, * where they meet.</summary>
public static class TerminalChart
{
    private const int Width = 61;
    private const int RowsPerDecade = 3;
    private const int Margin = 10;

    /// <summary>The lines of the chart, top first.</summary>
    public static IReadOnlyList<string> Lines(IReadOnlyList<ModeRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var (low, high) = Durations.Decades(rows.SelectMany(r => new[] { r.Forward.Seconds, r.Reverse.Seconds }));
        var height = (high - low) * RowsPerDecade;
        var grid = Enumerable.Range(0, height + 1).Select(_ => Enumerable.Repeat(' ', Width).ToArray()).ToArray();
        var widest = Math.Max(1, Math.Log2(rows[^1].Inputs));

        foreach (var row in rows)
        {
            var column = (int)Math.Round(Math.Log2(row.Inputs) / widest * (Width - 1));
            Put(grid, column, Level(row.Reverse.Seconds), 'R');
            Put(grid, column, Level(row.Forward.Seconds), 'F');
        }

        return
        [
            .. Enumerable.Range(0, height + 1).Reverse().Select(level => Label(low, level) + new string(grid[level]).TrimEnd()),
            new string(' ', Margin) + "└" + new string('─', Width),
            new string(' ', Margin + 1) + "1" + $"{rows[^1].Inputs} inputs".PadLeft(Width - 1),
        ];

        int Level(double seconds) => (int)Math.Round((Math.Log10(Math.Max(seconds, Math.Pow(10, low))) - low) * RowsPerDecade);
    }

    private static string Label(int low, int level) =>
        level % RowsPerDecade == 0
            ? Durations.Text(Math.Pow(10, low + (level / RowsPerDecade))).PadLeft(Margin - 1) + " ┤"
            : new string(' ', Margin) + "│";

    private static void Put(char[][] grid, int column, int level, char mark) =>
        grid[level][column] = grid[level][column] == ' ' ? mark : '*';
}
