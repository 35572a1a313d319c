using System.Globalization;
using System.Text;

namespace Ad.Host;

/// <summary>Draws the times of both modes as an SVG picture, on axes that both go by powers.</summary>
public static class SvgChart
{
    private const double Left = 80;
    private const double Right = 620;
    private const double Top = 60;
    private const double Bottom = 400;

    /// <summary>The picture.</summary>
    public static string Of(IReadOnlyList<ModeRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var (low, high) = Durations.Decades(rows.SelectMany(r => new[] { r.Forward.Seconds, r.Reverse.Seconds }));
        var widest = Math.Max(1, Math.Log2(rows[^1].Inputs));
        var svg = new StringBuilder();
        var title = $"Time of a full gradient of f: Rⁿ → R, n = 1 to {rows[^1].Inputs}";

        svg.AppendLine("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 460\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\">");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<title>{title}</title>");
        svg.AppendLine("<rect width=\"720\" height=\"460\" fill=\"#ffffff\"/>");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Text(Left)}\" y=\"32\" font-size=\"16\" fill=\"#222222\">{title}</text>");

        for (var decade = low; decade <= high; decade++)
        {
            var y = Text(Y(Math.Pow(10, decade)));
            svg.AppendLine(CultureInfo.InvariantCulture, $"<line x1=\"{Text(Left)}\" x2=\"{Text(Right)}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#dddddd\"/>");
            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Text(Left - 8)}\" y=\"{y}\" dy=\"4\" text-anchor=\"end\" fill=\"#555555\">{Durations.Text(Math.Pow(10, decade))}</text>");
        }

        foreach (var row in rows)
        {
            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Text(X(row.Inputs))}\" y=\"{Text(Bottom + 20)}\" text-anchor=\"middle\" fill=\"#555555\">{row.Inputs}</text>");
        }

        svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Text((Left + Right) / 2)}\" y=\"{Text(Bottom + 44)}\" text-anchor=\"middle\" fill=\"#222222\">inputs n</text>");
        Line("forward", "#c4501b", r => r.Forward.Seconds);
        Line("reverse", "#1f5fa8", r => r.Reverse.Seconds);
        return svg.AppendLine("</svg>").ToString();

        double X(int inputs) => Left + (Math.Log2(inputs) / widest * (Right - Left));
        double Y(double seconds) => Bottom - ((Math.Log10(Math.Max(seconds, 1e-12)) - low) / (high - low) * (Bottom - Top));

        void Line(string name, string colour, Func<ModeRow, double> seconds)
        {
            var points = rows.Select(r => (X: Text(X(r.Inputs)), Y: Text(Y(seconds(r))))).ToArray();
            svg.AppendLine(CultureInfo.InvariantCulture, $"<polyline points=\"{string.Join(' ', points.Select(p => $"{p.X},{p.Y}"))}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
            foreach (var (x, y) in points)
            {
                svg.AppendLine(CultureInfo.InvariantCulture, $"<circle cx=\"{x}\" cy=\"{y}\" r=\"3.5\" fill=\"{colour}\"/>");
            }

            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Text(Right + 10)}\" y=\"{points[^1].Y}\" dy=\"4\" fill=\"{colour}\">{name}</text>");
        }
    }

    private static string Text(double number) => number.ToString("0.##", CultureInfo.InvariantCulture);
}
