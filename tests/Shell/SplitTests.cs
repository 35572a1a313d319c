using Ad.Host;
using Xunit;

namespace Shell;

public sealed class SplitTests
{
    private static readonly DataSplit Digits = DataSource.Open(null);

    [Fact]
    public void The_built_in_digits_are_all_there() =>
        Assert.Equal((1437, 360, 64, 10), (Digits.Train.Count, Digits.Test.Count, Digits.Train.Features, Digits.Train.Classes));

    [Fact]
    public void A_fifth_of_each_class_is_held_out()
    {
        foreach (var digit in Enumerable.Range(0, 10))
        {
            var test = Digits.Test.Labels.Count(l => l == digit);
            var all = test + Digits.Train.Labels.Count(l => l == digit);
            Assert.InRange(test - (all / 5.0), -1, 1);
        }
    }

    [Fact]
    public void The_split_is_the_same_every_time()
    {
        var again = DataSource.Open(null);
        Assert.Equal(Digits.Test.Inputs, again.Test.Inputs);
        Assert.Equal(Digits.Fingerprint, again.Fingerprint);
        Assert.Equal("87dfd238acc718cb", Digits.Fingerprint);
    }

    [Fact]
    public void Every_row_is_on_one_side_only()
    {
        var all = new DataSet("t", 1, 3, [.. Enumerable.Range(0, 23).Select(i => (float)i)], [.. Enumerable.Range(0, 23).Select(i => i % 3)]);
        var split = DataSplit.Fifth(all);
        Assert.Equal(5, split.Test.Count);
        Assert.Equal(all.Inputs, split.Train.Inputs.Concat(split.Test.Inputs).Order());
    }

    [Fact]
    public void Another_number_gives_another_fingerprint()
    {
        float[] inputs = [1, 2, 3, 4];
        float[] changed = [1, 2, 3, 4.0000005f];
        int[] labels = [0, 1, 0, 1];
        Assert.NotEqual(
            DataSplit.Fifth(new DataSet("t", 1, 2, inputs, labels)).Fingerprint,
            DataSplit.Fifth(new DataSet("t", 1, 2, changed, labels)).Fingerprint);
    }

    [Fact]
    public void Scaling_brings_training_rows_between_0_and_1_and_constants_to_0()
    {
        var data = new DataSet("t", 2, 1, [2, 7, 4, 7, 6, 7], [0, 0, 0]);
        Assert.Equal([0, 0, 0.5f, 0, 1, 0], Scaling.Of(data).Apply(data).Inputs);
    }

    [Fact]
    public void An_order_holds_every_place_once_and_only_its_seeds_decide_it()
    {
        var order = SplitMix.Order(100, 1, 2);
        Assert.Equal(Enumerable.Range(0, 100), order.Order());
        Assert.Equal(order, SplitMix.Order(100, 1, 2));
        Assert.NotEqual(order, SplitMix.Order(100, 1, 3));
        Assert.NotEqual(order, SplitMix.Order(100, 2, 2));
        Assert.NotEqual(order, SplitMix.Order(100, 2, 1));
    }

    [Fact]
    public void The_generator_is_SplitMix64()
    {
        var random = new SplitMix(1234567);
        Assert.Equal([6457827717110365317, 3203168211198807973, 9817491932198370423], new[] { random.Next(), random.Next(), random.Next() });
    }

    [Fact]
    public void A139_test_examples_are_looked_at_once_unless_somebody_says_so()
    {
        var test = new TestSet(new DataSet("t", 1, 1, [1, 2], [0, 0]));
        Assert.Equal(2, test.Evaluate(d => d.Count));
        var e = Assert.Throws<InvalidOperationException>(() => test.Evaluate(d => d.Count));
        Assert.Equal("The 2 test examples of t were looked at before; a second look needs again: true.", e.Message);
        Assert.Equal(2, test.Evaluate(d => d.Count, again: true));
    }

    [Fact]
    public void A140_what_is_held_out_for_watching_and_what_is_kept_are_all_training_examples_and_without_it_all_are_trained_with()
    {
        var all = DataSource.Open(null).Train;
        foreach (var share in new[] { 0.1, 0.2, 0.25, 0.5 })
        {
            var (kept, held) = DataSplit.Hold(all, share);
            Assert.Equal(all.Count, kept.Count + held.Count);
            Assert.Equal(share * all.Count, held.Count, 1.0);
            Assert.Equal(all.Inputs.Order(), kept.Inputs.Concat(held.Inputs).Order());
        }

        var (whole, none) = DataSplit.Hold(all, 0);
        Assert.Equal((all.Count, 0), (whole.Count, none.Count));
    }
}
