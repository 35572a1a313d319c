using Ad.Host;
using Microsoft.Extensions.Options;
using Xunit;

namespace Shell;

public sealed class OptionsTests
{
    private static string[] Failures(Action<TrainOptions> change)
    {
        var options = new TrainOptions();
        change(options);
        IValidateOptions<TrainOptions>[] validators = [new TrainOptionsValidator(), new TrainFilesValidator()];
        return [.. validators.Select(v => v.Validate(null, options)).Where(r => r.Failed).SelectMany(r => r.Failures!)];
    }

    [Fact]
    public void The_defaults_are_valid() => Assert.Empty(Failures(_ => { }));

    [Theory]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "Infinity")]
    [InlineData(double.NegativeInfinity, "-Infinity")]
    [InlineData(0, "0")]
    [InlineData(-1, "-1")]
    [InlineData(1e9, "1000000000")]
    public void A_learning_rate_is_a_finite_number_above_0(double rate, string text) =>
        Assert.Equal(
            [$"--learning-rate (Train:LearningRate) is {text}, but must be a number above 0 and at most 1000."],
            Failures(o => o.LearningRate = rate));

    [Fact]
    public void Every_number_that_is_not_finite_is_refused()
    {
        foreach (var property in typeof(TrainOptions).GetProperties().Where(p => p.PropertyType == typeof(double)))
        {
            foreach (var bad in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, -1 })
            {
                var failure = Assert.Single(Failures(o => property.SetValue(o, bad)));
                Assert.StartsWith($"{OptionName.Switch(property.Name)} (Train:{property.Name}) is ", failure, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Counts_are_at_least_1()
    {
        Assert.Equal(["--epochs (Train:Epochs) is 0, but must be a number at least 1 and at most 1000000."], Failures(o => o.Epochs = 0));
        Assert.Single(Failures(o => o.Batch = -3));
    }

    [Fact]
    public void Patience_needs_examples_to_judge_by()
    {
        Assert.Equal(
            ["--patience (Train:Patience) is 3, but no examples are held out to judge by; give --validation a share."],
            Failures(o => o.Patience = 3));
        Assert.Empty(Failures(o => (o.Patience, o.Validation) = (3, 0.1)));
    }

    [Theory]
    [InlineData("128,64", 2)]
    [InlineData(" 7 ", 1)]
    [InlineData("none", 0)]
    [InlineData("", 0)]
    public void Hidden_layers_are_read(string text, int layers)
    {
        Assert.Equal(layers, LayerSizes.Parse(text)!.Count);
        Assert.Empty(Failures(o => o.Hidden = text));
    }

    [Theory]
    [InlineData("12,")]
    [InlineData("0")]
    [InlineData("-4")]
    [InlineData("a")]
    [InlineData("99999999999")]
    public void What_are_no_layers_is_refused(string text) =>
        Assert.StartsWith($"--hidden (Train:Hidden) is {text}, but must be sizes", Assert.Single(Failures(o => o.Hidden = text)), StringComparison.Ordinal);

    [Fact]
    public void Names_that_are_none_are_refused() =>
        Assert.Collection(
            Failures(o => (o.Optimizer, o.Schedule, o.Model, o.Augment) = ("adma", "cosin", "vgg", "mirror,blur")),
            f => Assert.StartsWith("--model (Train:Model) is vgg, but must be one of mlp, lenet, convnet, resnet8, resnet20.", f, StringComparison.Ordinal),
            f => Assert.Matches("^--optimizer \\(Train:Optimizer\\) is adma, but must be one of sgd, .* Did you mean 'adam'\\?$", f),
            f => Assert.Matches("^--schedule \\(Train:Schedule\\) is cosin, but must be one of constant, .* Did you mean 'cosine'\\?$", f),
            f => Assert.StartsWith("--augment (Train:Augment) is blur, but must be one of mirror, crop, rotate, zoom, elastic.", f, StringComparison.Ordinal));

    [Fact]
    public void Files_go_where_there_is_a_folder_and_no_two_into_one()
    {
        using var scratch = new Scratch();
        Assert.EndsWith("but its folder does not exist.", Assert.Single(Failures(o => o.Output = scratch["no/m.safetensors"])), StringComparison.Ordinal);
        Assert.EndsWith("which is a folder and not a file.", Assert.Single(Failures(o => o.Output = scratch.Folder)), StringComparison.Ordinal);
        Assert.StartsWith("--output and --checkpoint are the same file", Assert.Single(Failures(o => o.Checkpoint = o.Output = scratch["m"])), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null, "digits.safetensors", "digits.checkpoint.safetensors")]
    [InlineData("in/wine.csv.gz", null, "wine.safetensors", "wine.checkpoint.safetensors")]
    [InlineData("in/mnist/", null, "mnist.safetensors", "mnist.checkpoint.safetensors")]
    [InlineData(null, "out/a.b", "out/a.b", "out/a.checkpoint.safetensors")]
    public void Files_are_named_after_the_data(string? data, string? output, string parameters, string checkpoint)
    {
        var options = new TrainOptions { Data = data, Output = output };
        Assert.Equal((parameters, checkpoint), (options.OutputFile, options.CheckpointFile));
    }
}
