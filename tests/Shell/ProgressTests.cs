using Ad.Host;
using Xunit;

namespace Shell;

public sealed class ProgressTests
{
    private static readonly Snapshot Middle =
        new(3, 40, 100, 1800, 0.123456, 0.97531, null, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(61));

    [Fact]
    public void A_line_says_epoch_loss_accuracy_and_time_left() =>
        Assert.Equal("epoch  3/40  loss 0.1235  accuracy  97.53 %  1:01 left", ProgressText.Line(Middle));

    [Fact]
    public void The_held_out_accuracy_comes_at_the_end_of_an_epoch() =>
        Assert.Equal(
            "epoch  3/40  loss 0.1235  accuracy  97.53 %  test 100.00 %  1:01 left",
            ProgressText.Line(Middle with { TestAccuracy = 1 }));

    [Fact]
    public void The_end_says_how_long_it_took() =>
        Assert.EndsWith("  0:02 taken", ProgressText.Line(Middle with { Step = 1800 }), StringComparison.Ordinal);

    [Theory]
    [InlineData(0, "0:00")]
    [InlineData(0.2, "0:01")]
    [InlineData(59, "0:59")]
    [InlineData(3599.5, "1:00:00")]
    [InlineData(360000, "100:00:00")]
    public void Times_read_like_a_clock(double seconds, string text) =>
        Assert.Equal(text, ProgressText.Clock(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void The_first_step_says_nothing_about_the_time_left()
    {
        var time = new FakeTime();
        var pace = new Pace(time, 10);
        time.Pass(TimeSpan.FromSeconds(100));
        Assert.Null(pace.Left(1));
        time.Pass(TimeSpan.FromSeconds(4));
        Assert.Equal(TimeSpan.FromSeconds(14), pace.Left(3));
        Assert.Equal(TimeSpan.FromSeconds(104), pace.Elapsed);
    }

    [Fact]
    public void The_time_left_follows_the_pace_of_the_last_seconds()
    {
        var time = new FakeTime();
        var pace = new Pace(time, 1000);
        var left = TimeSpan.Zero;

        for (var step = 1; step <= 200; step++)
        {
            time.Pass(TimeSpan.FromSeconds(step <= 10 ? 1 : 0.1));
            left = pace.Left(step) ?? left;
        }

        Assert.InRange(left.TotalSeconds, 79.9, 80.1);
    }

    [Fact]
    public void Lines_come_at_the_end_of_epochs_and_every_ten_seconds()
    {
        var (time, output) = (new FakeTime(), new StringWriter());
        new LineView(output, time).Show(report =>
        {
            report(Middle);
            time.Pass(TimeSpan.FromSeconds(11));
            report(Middle);
            report(Middle);
            report(Middle with { TestAccuracy = 0.5 });
            return 0;
        });
        Assert.Equal(2, output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(900, 10)]
    [InlineData(1800, 20)]
    public void The_bar_is_filled_as_far_as_the_run_is(long step, int filled) =>
        Assert.Equal((filled, 20 - filled), ProgressText.Bar(Middle with { Step = step }, 20) is var (done, toDo) ? (done.Length, toDo.Length) : default);
}
