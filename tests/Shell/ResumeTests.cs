using System.Globalization;
using System.Text.RegularExpressions;
using Ad.Host;
using Ad.Tensors;
using Xunit;

namespace Shell;

public sealed class ResumeTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly Scratch _other = new();

    public void Dispose()
    {
        _scratch.Dispose();
        _other.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(29)]
    [InlineData(30)]
    [InlineData(86)]
    public void A_stopped_and_resumed_run_ends_in_the_same_bits(int stopAt)
    {
        var whole = new ToyRun(_other);
        Assert.Equal(0, whole.Train(whole.Options()));

        var parts = new ToyRun(_scratch);
        Assert.Equal(0, parts.Train(parts.Options(), stopAt));
        Assert.Contains($"stopped after step {stopAt} of 87", parts.Output.ToString(), StringComparison.Ordinal);
        Assert.Equal(["toy.checkpoint.safetensors"], _scratch.Files);

        Assert.Equal(0, parts.Train(parts.Options(o => o.Resume = true)));
        Assert.Equal(File.ReadAllBytes(_other["toy.safetensors"]), File.ReadAllBytes(_scratch["toy.safetensors"]));
        Assert.EndsWith(LastEpoch(whole), LastEpoch(parts), StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_ends_with_the_best_parameters_when_it_gets_no_better_and_resumes_to_the_same_bits()
    {
        // After three epochs of 23 steps the toy knows nothing any more.
        static Trainable<ToyState> Spoiled(Trainable<ToyState> toy) =>
            toy.With((state, batch) =>
            {
                var next = toy.Step(state, batch);
                return state.Steps < 69 ? next : next with { State = next.State with { Weights = new float[next.State.Weights.Length] } };
            });

        static void Patient(TrainOptions o) => (o.Epochs, o.Validation, o.Patience) = (30, 0.2, 2);
        var whole = new ToyRun(_other);
        Assert.Equal(0, whole.Train(whole.Options(Patient), wrap: Spoiled));
        var epochs = Regex.Match(whole.Output.ToString(), "after epoch ([1-3]) of ([3-5]), the best by the held-out examples");
        Assert.True(epochs.Success);
        Assert.Equal(2, int.Parse(epochs.Groups[2].Value, CultureInfo.InvariantCulture) - int.Parse(epochs.Groups[1].Value, CultureInfo.InvariantCulture));

        var parts = new ToyRun(_scratch);
        Assert.Equal(0, parts.Train(parts.Options(Patient), stopAt: 40, wrap: Spoiled));
        Assert.Contains("stopped after step 40", parts.Output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, parts.Train(parts.Options(o => { Patient(o); o.Resume = true; }), wrap: Spoiled));
        Assert.Equal(File.ReadAllBytes(_other["toy.safetensors"]), File.ReadAllBytes(_scratch["toy.safetensors"]));

        // It is finished: nothing is left to do, and a new run takes its place.
        Assert.Equal(0, parts.Train(parts.Options(o => { Patient(o); o.Resume = true; }), wrap: t => t.With((_, _) => throw new InvalidOperationException("a step"))));
        Assert.Contains($"holds a finished run of {epochs.Groups[2].Value} epochs", parts.Output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, parts.Train(parts.Options(), stopAt: 1));
        Assert.DoesNotContain("a new run begins", parts.Output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_finished_run_says_so_when_resumed_and_stays_as_it_is()
    {
        var run = new ToyRun(_scratch);
        run.Train(run.Options());
        var before = File.ReadAllBytes(_scratch["toy.safetensors"]);

        Assert.Equal(0, run.Train(run.Options(o => o.Resume = true), wrap: t => t.With((_, _) => throw new InvalidOperationException("a step"))));
        Assert.Contains("holds a finished run of 3 epochs", run.Output.ToString(), StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(_scratch["toy.safetensors"]));
    }

    [Fact]
    public void An_option_that_changes_the_numbers_is_refused_by_name()
    {
        var run = new ToyRun(_scratch);
        run.Train(run.Options(), stopAt: 5);

        foreach (var (change, name) in new (Action<TrainOptions>, string)[]
        {
            (o => o.Batch = 51, "--batch (Train:Batch) is 51, but"),
            (o => o.LearningRate = 0.25, "--learning-rate (Train:LearningRate) is 0.25, but"),
            (o => o.Epochs = 4, "--epochs (Train:Epochs) is 4, but"),
            (o => o.Seed = 1, "--seed (Train:Seed) is 1, but"),
            (o => o.Optimizer = "sgd", "--optimizer (Train:Optimizer) is sgd, but"),
            (o => o.Hidden = "7", "--hidden (Train:Hidden) is 7, but"),
            (o => o.Dropout = 0.5, "--dropout (Train:Dropout) is 0.5, but"),
            (o => o.WeightDecay = 0, "--weight-decay (Train:WeightDecay) is 0, but"),
            (o => o.Schedule = "constant", "--schedule (Train:Schedule) is constant, but"),
            (o => o.Data = _scratch.Write("d.csv", "1,0\n2,1\n3,0\n"), "--data (Train:Data) names other data than"),
        })
        {
            var options = run.Options(o =>
            {
                o.Resume = true;
                o.Checkpoint = _scratch["toy.checkpoint.safetensors"];
                change(o);
            });
            var e = Assert.Throws<ShellException>(() => run.Train(options));
            Assert.StartsWith(name, e.Message, StringComparison.Ordinal);
            Assert.Equal(ExitCodes.Configuration, e.ExitCode);
        }
    }

    [Fact]
    public void A_constant_rate_lets_a_run_go_on_for_more_epochs()
    {
        var whole = new ToyRun(_other);
        whole.Train(whole.Options(o => (o.Epochs, o.Schedule) = (4, "constant")));
        var parts = new ToyRun(_scratch);
        parts.Train(parts.Options(o => (o.Epochs, o.Schedule) = (2, "constant")));
        parts.Train(parts.Options(o => (o.Epochs, o.Schedule, o.Resume) = (4, "constant", true)));
        Assert.Equal(File.ReadAllBytes(_other["toy.safetensors"]), File.ReadAllBytes(_scratch["toy.safetensors"]));
    }

    [Fact]
    public void A_forgotten_resume_loses_nothing()
    {
        var run = new ToyRun(_scratch);
        run.Train(run.Options(), stopAt: 5);
        var kept = File.ReadAllBytes(_scratch["toy.checkpoint.safetensors"]);
        run.Train(run.Options());

        Assert.Equal(kept, File.ReadAllBytes(_scratch["toy.checkpoint.previous.safetensors"]));
        Assert.Contains("held something other than a finished run; that is now", run.Output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoints_come_as_often_as_asked()
    {
        var run = new ToyRun(_scratch);
        var saves = 0;
        run.Train(
            run.Options(o => (o.Epochs, o.CheckpointEvery) = (1, 10)),
            wrap: toy => new Trainable<ToyState>
            {
                Initial = toy.Initial,
                Step = (s, b) =>
                {
                    run.Time.Pass(TimeSpan.FromSeconds(3));
                    return toy.Step(s, b);
                },
                Correct = toy.Correct,
                Save = s =>
                {
                    saves++;
                    return toy.Save(s);
                },
                Load = toy.Load,
                Parameters = toy.Parameters,
            });

        // Before the first of 29 steps, after every fourth, and at the end.
        Assert.Equal(1 + 7 + 1, saves);
    }

    [Fact]
    public void A_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint()
    {
        var run = new ToyRun(_scratch);
        var steps = 0;
        var e = Assert.Throws<ShellException>(() => run.Train(
            run.Options(o => o.CheckpointEvery = 1e-9),
            wrap: toy => toy.With((s, b) =>
            {
                run.Time.Pass(TimeSpan.FromSeconds(1));
                return ++steps == 40 ? toy.Step(s, b) with { Loss = double.NaN } : toy.Step(s, b);
            })));

        Assert.Equal(ExitCodes.Failed, e.ExitCode);
        Assert.StartsWith("The loss is NaN at step 40 (epoch 2, batch 11) with --learning-rate 0.5; try a smaller one.", e.Message, StringComparison.Ordinal);
        Assert.Equal(["toy.checkpoint.safetensors"], _scratch.Files);
        Assert.Equal((1, 10), Checkpoint.Read(_scratch["toy.checkpoint.safetensors"]).Position is var p ? (p.Epoch, p.Step) : default);
    }

    [Fact]
    public void Parameters_that_are_not_finite_are_not_written()
    {
        var run = new ToyRun(_scratch);
        var e = Assert.Throws<ShellException>(() => run.Train(
            run.Options(), wrap: toy => toy.With((s, b) => toy.Step(s, b) with { State = s with { Weights = [float.NaN, .. s.Weights[1..]] } })));
        Assert.Equal(ExitCodes.Failed, e.ExitCode);
        Assert.DoesNotContain("toy.safetensors", _scratch.Files);
    }

    private static string LastEpoch(ToyRun run) =>
        run.Output.ToString().Split('\n').Last(l => l.StartsWith("epoch", StringComparison.Ordinal)).Split("  0:")[0];
}
