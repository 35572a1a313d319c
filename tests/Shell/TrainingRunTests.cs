using Ad.Host;
using Xunit;

namespace Shell;

public sealed class TrainingRunTests
{
    private static DataSet Rows(int count) => new("t", 1, 1, [.. Enumerable.Range(0, count).Select(i => (float)i)], new int[count]);

    private static StepResult<List<float>> See(List<float> seen, Batch batch) => new([.. seen, .. batch.Inputs], 1, batch.Count);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 32)]
    [InlineData(31, 32)]
    [InlineData(32, 32)]
    [InlineData(33, 32)]
    [InlineData(64, 32)]
    [InlineData(100, 7)]
    [InlineData(1437, 32)]
    public void A045_An_epoch_takes_the_examples_over_the_batch_rounded_up_in_steps_and_sees_each_once(int examples, int batch)
    {
        var run = new TrainingRun(Rows(examples), 2, batch, seed: 5);
        var moments = run.From<List<float>>([], Position.Start, See).ToArray();
        var steps = (int)Math.Ceiling((double)examples / batch);

        Assert.Equal(2 * steps, moments.Length);
        Assert.Equal(steps, run.StepsPerEpoch);
        Assert.True(moments[steps - 1].EndsEpoch);
        Assert.Equal(Enumerable.Range(0, examples).Select(i => (float)i), moments[steps - 1].State.Order());
    }

    [Fact]
    public void Every_epoch_has_its_own_order_and_every_seed_too()
    {
        var one = new TrainingRun(Rows(50), 2, 50, seed: 1).From<List<float>>([], Position.Start, See).Last().State;
        var two = new TrainingRun(Rows(50), 1, 50, seed: 2).From<List<float>>([], Position.Start, See).Last().State;
        Assert.NotEqual(one[..50], one[50..]);
        Assert.NotEqual(one[..50], two);
    }

    [Fact]
    public void From_any_moment_on_the_rest_is_the_same()
    {
        var run = new TrainingRun(Rows(10), 3, 4, seed: 1);
        var whole = run.From<List<float>>([], Position.Start, See).ToArray();

        foreach (var at in whole)
        {
            var rest = run.From(at.State, at.Next, See);
            Assert.Equal(whole[^1].State, rest.Select(m => m.State).LastOrDefault(at.State));
            Assert.Equal(whole.Length - run.StepsAt(at.Next), rest.Count());
        }
    }

    [Fact]
    public void The_mean_weighs_every_example_alike()
    {
        var losses = new Queue<double>([1, 4]);
        var run = new TrainingRun(Rows(3), 1, 2, seed: 1);
        var end = run.From(0, Position.Start, (s, b) => new StepResult<int>(s, losses.Dequeue(), 1)).Last();
        Assert.Equal(2, end.Position.MeanLoss);
        Assert.Equal(2.0 / 3, end.Position.Accuracy);
    }

    [Fact]
    public void As_many_steps_are_made_together_as_fit_into_a_quarter_of_a_second()
    {
        var time = new FakeTime();
        var together = new Together(time);
        Assert.Equal(1, together.Next());
        time.Pass(TimeSpan.FromSeconds(0.1));
        Assert.Equal(2, together.Next());
        time.Pass(TimeSpan.FromSeconds(0.2));
        Assert.Equal(4, together.Next());
        time.Pass(TimeSpan.FromSeconds(0.4));
        Assert.Equal(4, together.Next());
        time.Pass(TimeSpan.FromSeconds(0.9));
        Assert.Equal(2, together.Next());
        time.Pass(TimeSpan.FromSeconds(9));
        Assert.Equal(1, together.Next());
    }
}
