using Ad.Functional;
using Ad.Functional.CSharp;
using Ad.Host;
using Ad.Tensors;
using HostCuda;
using Xunit;

namespace Shell;

public sealed class ClassifierTests
{
    private static readonly DataSplit Digits = DataSource.Open(null);
    private static readonly Batch Examples = Batch.Of(Ad.Host.Scaling.Of(Digits.Train).Apply(Digits.Train), [.. Enumerable.Range(0, 100)]);

    private static Trainable<Learner> Model(Action<TrainOptions>? change = null)
    {
        var options = new TrainOptions { Hidden = "16" };
        change?.Invoke(options);
        return Classifier.Factory(options, Digits);
    }

    private static IReadOnlyList<byte[]> Bytes(Trainable<Learner> model, Learner state) =>
        [.. model.Save(state).Select(t => t.Value.Bytes.ToArray())];

    public static TheoryData<string> Optimizers => [.. Learners.Optimizers];

    public static TheoryData<string> Schedules => [.. Learners.Schedules];

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Every_optimizer_lowers_the_loss(string optimizer)
    {
        // Those without a learning rate take 1; of those with one, each the first that does.
        double[] rates = [1, 0.1, 0.01, 0.001];
        Assert.Contains(rates, rate =>
        {
            var model = Model(o => (o.Optimizer, o.LearningRate, o.Schedule, o.WeightDecay, o.Dropout) = (optimizer, rate, "constant", 1e-4, 0));
            var first = model.Step(model.Initial(), Examples);
            var state = first.State;
            for (var i = 0; i < 400; i++)
            {
                var next = model.Step(state, Examples);
                if (next.Loss < 0.8 * first.Loss)
                {
                    return true;
                }

                state = next.State;
            }

            return false;
        });
    }

    [Theory]
    [MemberData(nameof(Schedules))]
    public void Every_schedule_lowers_the_loss(string schedule)
    {
        var model = Model(o => (o.Schedule, o.Epochs, o.Batch) = (schedule, 10, 100));
        var first = model.Step(model.Initial(), Examples);
        var last = Enumerable.Range(0, 60).Aggregate(first, (r, _) => model.Step(r.State, Examples));
        Assert.InRange(last.Loss, 0, first.Loss / 2);
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("f16")]
    public void Sixteen_bits_learn_as_float32_does_and_keep_float32(string precision)
    {
        double Last(Trainable<Learner> model, out Learner state)
        {
            var last = Enumerable.Range(0, 60).Aggregate(model.Step(model.Initial(), Examples), (r, _) => model.Step(r.State, Examples));
            state = last.State;
            return last.Loss;
        }

        var plain = Last(Model(o => (o.Schedule, o.Dropout) = ("constant", 0)), out _);
        var model = Model(o => (o.Schedule, o.Dropout, o.Precision) = ("constant", 0, precision));
        Assert.InRange(Last(model, out var state), 0, plain + 0.05);
        Assert.All(model.Parameters(state), p => Assert.Equal(DType.Float32, p.Value.Type));

        // What is saved goes on to the same bits, the factor of the loss with it.
        var read = model.Load(model.Save(state).ToDictionary(t => t.Key, t => t.Value));
        Assert.Equal(Bytes(model, model.Step(state, Examples).State), Bytes(model, model.Step(read, Examples).State));
    }

    [Theory]
    [InlineData("lenet", 6)]
    [InlineData("convnet", 16)]
    [InlineData("resnet8", 16)]
    public void Images_are_learned_by_every_kind_of_network(string name, int least)
    {
        var data = least > 8 || name == "lenet" ? Enlarged() : Digits;
        var options = new TrainOptions { Model = name, Augment = name == "resnet8" ? "" : "rotate", Clip = 1, Average = 0.9, LabelSmoothing = 0.05, Accumulate = 2 };
        var model = Classifier.Factory(options, data);
        var batch = Batch.Of(data.Train, [.. Enumerable.Range(0, 32)]);
        var first = model.Step(model.Initial(), batch);
        var last = Enumerable.Range(0, 30).Aggregate(first, (r, _) => model.Step(r.State, batch));
        Assert.InRange(last.Loss, 0, 0.8 * first.Loss);
        Assert.InRange(model.Correct(last.State, batch), 8, 32);
    }

    // The digits, each pixel four times, so that they are 16 by 16.
    private static DataSplit Enlarged()
    {
        static DataSet Large(DataSet d)
        {
            var few = d.Rows([.. Enumerable.Range(0, 64)]);
            var inputs = new float[few.Count * 256];
            for (var i = 0; i < inputs.Length; i++)
            {
                inputs[i] = few.Inputs[(i / 256 * 64) + (i % 256 / 32 * 8) + (i % 16 / 2)] / 16;
            }

            return new DataSet("large", 256, 10, inputs, few.Labels, [1, 16, 16]);
        }

        return DataSplit.Given(Large(Digits.Train), Large(Digits.Test));
    }

    [Fact]
    public void A_network_that_takes_no_such_examples_says_so()
    {
        var e = Assert.Throws<ShellException>(() => Model(o => o.Model = "lenet"));
        Assert.Contains("takes images of at least 12 x 12, but was given 8 x 8", e.Message, StringComparison.Ordinal);
        var wine = DataSplit.Fifth(new DataSet("wine", 3, 2, [1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1, 0]));
        e = Assert.Throws<ShellException>(() => Classifier.Factory(new TrainOptions { Model = "convnet" }, wine));
        Assert.Contains("wine has 3 features, which make no square", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void On_a_device_it_learns_what_it_learns_on_the_host()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        Hosted.Install();
        double[] Losses(string device)
        {
            var model = Model(o => (o.Device, o.Hidden, o.Dropout) = (device, "8", 0.1));
            var results = new List<StepResult<Learner>> { model.Step(model.Initial(), Examples) };
            for (var step = 0; step < 5; step++)
            {
                results.Add(model.Step(results[^1].State, Examples));
            }

            var parameters = results[^1].State.Parameters;
            Assert.All(parameters, p => Assert.Equal(device == "cpu" ? "cpu" : "cuda:0", p.Value.Device.Name));
            return [.. results.Select(r => r.Loss)];
        }

        Assert.All(Losses("cpu").Zip(Losses("cuda")), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    [Fact]
    public void On_several_devices_it_learns_what_it_learns_on_one_and_goes_on_from_what_was_kept()
    {
        Assert.SkipUnless(Hosted.IsThere && Hosted.Count > 1, Hosted.Missing);
        Hosted.Install();
        double[] Losses(string device)
        {
            var model = Model(o => (o.Device, o.Hidden, o.Dropout) = (device, "8", 0));
            var first = model.Steps!(model.Initial(), [Examples, Examples, Examples]);
            var again = model.Steps(model.Load(model.Save(first.State).ToDictionary()), [Examples, Examples]);
            return [.. first.Losses, .. again.Losses];
        }

        var (one, several) = (Losses("cpu"), Losses("cuda:0,1"));
        Assert.Equal(5, several.Length);
        Assert.All(one.Zip(several), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    [Theory]
    [InlineData("cuda:0,1", true)]
    [InlineData("CUDA:1", true)]
    [InlineData("cpu", true)]
    [InlineData("cuda:0,0", false)]
    [InlineData("cuda:", false)]
    [InlineData("cuda:0,", false)]
    [InlineData("gpu", false)]
    [InlineData(null, false)]
    public void A_device_has_a_name_and_several_have_numbers_between_commas(string? name, bool isOne) => Assert.Equal(isOne, DeviceName.IsOne(name));

    [Fact]
    public void A_device_that_is_not_there_is_an_option_of_the_wrong_value()
    {
        var error = Assert.Throws<ShellException>(() => Model(o => o.Device = "cuda:77"));
        Assert.Equal(78, error.ExitCode);
        Assert.StartsWith("--device cuda:77: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cosine_ends_in_steps_that_change_nothing()
    {
        var model = Model(o => (o.Epochs, o.Batch, o.WeightDecay) = (1, 1437, 0));
        var one = model.Step(model.Initial(), Examples).State;
        var two = model.Step(one, Examples).State;
        Assert.Equal(model.Parameters(one).Select(p => p.Value.Bytes.ToArray()), model.Parameters(two).Select(p => p.Value.Bytes.ToArray()));
    }

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void A_state_that_was_saved_and_loaded_goes_on_to_the_same_bits(string optimizer)
    {
        var model = Model(o => o.Optimizer = optimizer);
        var state = model.Step(model.Initial(), Examples).State;
        var other = Model(o => o.Optimizer = optimizer);
        var loaded = other.Load(model.Save(state).ToDictionary());
        Assert.Equal(Bytes(model, model.Step(state, Examples).State), Bytes(other, other.Step(loaded, Examples).State));
    }

    [Fact]
    public void A_step_changes_neither_state_nor_batch()
    {
        var model = Model();
        var state = model.Initial();
        var before = Bytes(model, state);
        var next = Bytes(model, model.Step(state, Examples).State);
        Assert.Equal(before, Bytes(model, state));
        Assert.Equal(next, Bytes(model, model.Step(state, Examples).State));
    }

    [Fact]
    public void The_seed_decides_the_first_weights_and_nothing_else_does()
    {
        var model = Model();
        Assert.Equal(Bytes(model, model.Initial()), Bytes(Model(), Model().Initial()));
        var other = Model(o => o.Seed = 1);
        Assert.NotEqual(Bytes(model, model.Initial()), Bytes(other, other.Initial()));
    }

    [Fact]
    public void A_checkpoint_of_another_model_is_refused_with_the_tensor_that_does_not_fit()
    {
        var wide = Model(o => o.Hidden = "32");
        var tensors = wide.Save(wide.Initial()).ToDictionary();
        var e = Assert.Throws<InvalidDataException>(() => Model().Load(tensors));
        Assert.Equal("Parameters.0.Bias is float32[32], but must be float32[16].", e.Message);
        tensors.Remove("Parameters.0.Bias");
        Assert.Equal("Parameters.0.Bias is missing.", Assert.Throws<InvalidDataException>(() => Model().Load(tensors)).Message);
    }

    [Fact]
    public void Steps_made_together_are_those_made_one_by_one_bit_by_bit()
    {
        var model = Model(o => (o.Average, o.Clip, o.Augment) = (0.9, 1, "rotate"));
        var run = new TrainingRun(Digits.Train.Rows([.. Enumerable.Range(0, 100)]), 2, 30, seed: 3);
        var one = run.From(model.Initial(), Position.Start, model.Step).ToArray();
        foreach (var count in new[] { 1, 3, 100 })
        {
            var together = run.From(model.Initial(), Position.Start, model.Steps!, () => count).ToArray();
            Assert.Equal(one.Select(m => (m.Position, m.Loss, m.EndsEpoch)), together.Select(m => (m.Position, m.Loss, m.EndsEpoch)));
            Assert.Equal(Bytes(model, one[^1].State), Bytes(model, together[^1].State));
            Assert.All(together.Zip(one).Where(p => p.First.HasState), p => Assert.Equal(Bytes(model, p.Second.State), Bytes(model, p.First.State)));
            Assert.True(together[^1].HasState && together[3].HasState);
        }
    }

    [Theory]
    [InlineData("none", 64 * 10 + 10)]
    [InlineData("16", 64 * 16 + 16 + 16 * 10 + 10)]
    [InlineData("16,8", 64 * 16 + 16 + 16 * 8 + 8 + 8 * 10 + 10)]
    public void The_layers_are_those_asked_for(string hidden, long numbers)
    {
        var model = Model(o => o.Hidden = hidden);
        Assert.Equal(numbers, model.Parameters(model.Initial()).Sum(p => p.Value.Shape.Elements));
    }
}
