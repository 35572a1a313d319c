using Ad.Host;
using Ad.Tensors;
using HostCuda;
using Xunit;

namespace Shell;

public sealed class ClassifierTests
{
    private static readonly DataSplit Digits = DataSource.Open(null);
    private static readonly Batch Examples = Batch.Of(Scaling.Of(Digits.Train).Apply(Digits.Train), [.. Enumerable.Range(0, 100)]);

    private static Trainable<ClassifierState> Model(Action<TrainOptions>? change = null)
    {
        var options = new TrainOptions { Hidden = "16" };
        change?.Invoke(options);
        return Classifier.Factory(options, Digits);
    }

    private static IReadOnlyList<byte[]> Bytes(Trainable<ClassifierState> model, ClassifierState state) =>
        [.. model.Save(state).Select(t => t.Value.Bytes.ToArray())];

    [Theory]
    [InlineData(OptimizerKind.Adam, 0.01)]
    [InlineData(OptimizerKind.Sgd, 0.5)]
    [InlineData(OptimizerKind.Momentum, 0.1)]
    public void Every_optimizer_lowers_the_loss_under_every_schedule(OptimizerKind optimizer, double rate)
    {
        foreach (var schedule in Enum.GetValues<ScheduleKind>())
        {
            var model = Model(o => (o.Optimizer, o.LearningRate, o.Schedule) = (optimizer, rate, schedule));
            var first = model.Step(model.Initial(), Examples);
            var last = Enumerable.Range(0, 40).Aggregate(first, (r, _) => model.Step(r.State, Examples));
            Assert.InRange(last.Loss, 0, first.Loss / 2);
        }
    }

    [Fact]
    public void On_a_device_it_learns_what_it_learns_on_the_host()
    {
        Assert.SkipUnless(Hosted.IsThere, Hosted.Missing);
        Hosted.Install();
        double[] Losses(string device)
        {
            var model = Model(o => (o.Device, o.Hidden, o.Dropout) = (device, "8", 0.1));
            var results = new List<StepResult<ClassifierState>> { model.Step(model.Initial(), Examples) };
            for (var step = 0; step < 5; step++)
            {
                results.Add(model.Step(results[^1].State, Examples));
            }

            var parameters = results[^1].State.Parameters;
            Assert.All(parameters, p => Assert.Equal(device == "cpu" ? "cpu" : "cuda:0", p.Weights.Device.Name));
            return [.. results.Select(r => r.Loss)];
        }

        Assert.All(Losses("cpu").Zip(Losses("cuda")), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

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
    [InlineData(OptimizerKind.Adam)]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.Momentum)]
    public void A_state_that_was_saved_and_loaded_goes_on_to_the_same_bits(OptimizerKind optimizer)
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
        Assert.Equal("Parameters.0.Weights is float32[64, 32], but must be float32[64, 16].", e.Message);
        tensors.Remove("Parameters.0.Weights");
        Assert.Equal("Parameters.0.Weights is missing.", Assert.Throws<InvalidDataException>(() => Model().Load(tensors)).Message);
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
