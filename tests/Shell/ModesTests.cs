using System.Xml.Linq;
using Ad.Host;
using Xunit;

namespace Shell;

public sealed class ModesTests
{
    private static readonly ModeRow[] Rows =
        [.. ModeRow.Sizes(1024).Select(n => new ModeRow(n, new(n, 10 * n, 1e-5 * n), new(1, 10, 1e-5)))];

    [Theory]
    [InlineData(1, "1")]
    [InlineData(2, "1 2")]
    [InlineData(5, "1 2 4 5")]
    [InlineData(1024, "1 2 4 8 16 32 64 128 256 512 1024")]
    public void Sizes_double_up_to_the_one_asked_for(int most, string sizes) =>
        Assert.Equal(sizes, string.Join(' ', ModeRow.Sizes(most)));

    [Fact]
    public void The_table_is_written_as_values_with_commas()
    {
        var lines = ModeRow.Csv(Rows).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(12, lines.Length);
        Assert.Equal("1024,1024,10240,0.01024,1,10,1E-05", lines[^1]);
    }

    [Fact]
    public void The_chart_rises_for_forward_and_stays_level_for_reverse()
    {
        var lines = TerminalChart.Lines(Rows).ToArray();
        Assert.Equal(11, lines.Sum(l => l.Count(c => c is 'F' or '*')));
        Assert.Equal(10, Assert.Single(lines, l => l.Contains('R')).Count(c => c == 'R'));
        Assert.EndsWith("1024 inputs", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void One_row_can_be_drawn_too()
    {
        Assert.NotEmpty(TerminalChart.Lines(Rows[..1]));
        Assert.NotNull(XDocument.Parse(SvgChart.Of(Rows[..1])));
    }

    [Fact]
    public void The_picture_is_well_formed_and_holds_every_point_within_its_frame()
    {
        var svg = XDocument.Parse(SvgChart.Of(Rows)).Root!;
        var circles = svg.Elements().Where(e => e.Name.LocalName == "circle").ToArray();
        Assert.Equal(22, circles.Length);
        Assert.All(circles, c => Assert.InRange((double)c.Attribute("cx")!, 80, 620));
        Assert.All(circles, c => Assert.InRange((double)c.Attribute("cy")!, 60, 400));
    }

    [Theory]
    [InlineData(2.5e-8, "25 ns")]
    [InlineData(1.234e-5, "12.3 µs")]
    [InlineData(0.5, "500 ms")]
    [InlineData(3, "3 s")]
    public void Times_have_the_unit_that_fits(double seconds, string text) => Assert.Equal(text, Durations.Text(seconds));
}
