using System.Globalization;
using Microsoft.Extensions.Options;

namespace Ad.Host;

/// <summary>What to train, and how.</summary>
public sealed class TrainOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Train";

    /// <summary>A CSV file or a folder of IDX files; null is the built-in digits.</summary>
    public string? Data { get; set; }

    /// <summary>How often to go through the training examples.</summary>
    [Between(1, 1_000_000)]
    public int Epochs { get; set; } = 40;

    /// <summary>Examples in a step.</summary>
    [Between(1, 1_000_000)]
    public int Batch { get; set; } = 64;

    /// <summary>The step size at the start.</summary>
    [Between(0, 1000, AboveLow = true)]
    public double LearningRate { get; set; } = 0.01;

    /// <summary>What is trained.</summary>
    [OneOf(Known.Models)]
    public string Model { get; set; } = "mlp";

    /// <summary>How updates are made from gradients.</summary>
    [OneOf(Known.Optimizers)]
    public string Optimizer { get; set; } = "adam";

    /// <summary>The decay of momentum, or of the first moment; null is the optimizer's own.</summary>
    [Between(0, 1, BelowHigh = true)]
    public double? FirstDecay { get; set; }

    /// <summary>The decay of the average of squares; null is the optimizer's own.</summary>
    [Between(0, 1, BelowHigh = true)]
    public double? SecondDecay { get; set; }

    /// <summary>What is added where the optimizer divides; null is the optimizer's own.</summary>
    [Between(0, 1)]
    public double? Epsilon { get; set; }

    /// <summary>How the learning rate goes over the run.</summary>
    [OneOf(Known.Schedules)]
    public string Schedule { get; set; } = "cosine";

    /// <summary>The learning rate at the end, for schedules that go to one.</summary>
    [Between(0, 1000)]
    public double FinalRate { get; set; }

    /// <summary>Steps over which the learning rate rises at first.</summary>
    [Between(0, 1_000_000)]
    public int WarmUp { get; set; }

    /// <summary>The norm that gradients are shortened to; 0 leaves them as they are.</summary>
    [Between(0, 1e6)]
    public double Clip { get; set; }

    /// <summary>Batches whose gradients make one update.</summary>
    [Between(1, 1_000_000)]
    public int Accumulate { get; set; } = 1;

    /// <summary>The decay of the parameters' average, which predicts; 0 keeps none.</summary>
    [Between(0, 1, BelowHigh = true)]
    public double Average { get; set; }

    /// <summary>The share of each class's probability that all classes share.</summary>
    [Between(0, 1, BelowHigh = true)]
    public double LabelSmoothing { get; set; }

    /// <summary>Random changes of images in training.</summary>
    [OneOf(Known.Changes, Several = true)]
    public string Augment { get; set; } = "";

    /// <summary>The share of the training examples that is held out to watch the run by; 0 watches by the test examples.</summary>
    [Between(0, 1, BelowHigh = true)]
    public double Validation { get; set; }

    /// <summary>Epochs without a better share of the held-out examples after which the run ends with the best parameters; 0 goes on to the last epoch.</summary>
    [Between(0, 1_000_000)]
    public int Patience { get; set; }

    /// <summary>Units of the hidden layers.</summary>
    [LayerSizes]
    public string Hidden { get; set; } = "256,128";

    /// <summary>The share of hidden units switched off at each step.</summary>
    [Between(0, 1, BelowHigh = true)]
    public double Dropout { get; set; } = 0.3;

    /// <summary>Decay of the weights at each step, times the learning rate.</summary>
    [Between(0, 1)]
    public double WeightDecay { get; set; } = 0.01;

    /// <summary>Where all that is random comes from.</summary>
    public long Seed { get; set; }

    /// <summary>What the model computes in; parameters and optimizer states are float32 whatever it is.</summary>
    [OneOf(Known.Precisions)]
    public string Precision { get; set; } = "float32";

    /// <summary>Where to train: cpu, cuda, cuda: and a number, or several numbers, such as cuda:0,1, which share each batch out.</summary>
    [DeviceName]
    public string Device { get; set; } = "cpu";

    /// <summary>Where the parameters go; null names the file after the data.</summary>
    [NewFile]
    public string? Output { get; set; }

    /// <summary>Where the run is kept; null puts it beside the output.</summary>
    [NewFile]
    public string? Checkpoint { get; set; }

    /// <summary>Seconds between checkpoints; 0 keeps one only at the end.</summary>
    [Between(0, 1e6)]
    public double CheckpointEvery { get; set; } = 30;

    /// <summary>Whether to go on from the checkpoint.</summary>
    public bool Resume { get; set; }

    /// <summary>Where the metrics go, one JSON object a line; null writes none.</summary>
    [NewFile]
    public string? Log { get; set; }

    /// <summary>Whether to show no progress.</summary>
    public bool Quiet { get; set; }

    /// <summary>The output file, given or named after the data.</summary>
    internal string OutputFile =>
        Output ?? (Data is null ? "digits" : Path.GetFileName(Data.TrimEnd('/', '\\')).Split('.')[0]) + ".safetensors";

    /// <summary>The checkpoint file, given or beside the output.</summary>
    internal string CheckpointFile => Checkpoint ?? Path.ChangeExtension(OutputFile, ".checkpoint.safetensors");

    /// <summary>
    /// The options that decide the numbers of a run, as text; a run can only be resumed with the same ones. The number
    /// of epochs is one of them when the learning rate falls along it.
    /// </summary>
    internal IReadOnlyList<KeyValuePair<string, string>> Deciding =>
    [
        .. Schedule == "constant" ? Array.Empty<KeyValuePair<string, string>>() : [Text(nameof(Epochs), Epochs)],
        Text(nameof(Batch), Batch),
        Text(nameof(LearningRate), LearningRate),
        Text(nameof(Model), Model),
        Text(nameof(Optimizer), Optimizer),
        .. Own(nameof(FirstDecay), FirstDecay),
        .. Own(nameof(SecondDecay), SecondDecay),
        .. Own(nameof(Epsilon), Epsilon),
        Text(nameof(Schedule), Schedule),
        Text(nameof(FinalRate), FinalRate),
        Text(nameof(WarmUp), WarmUp),
        Text(nameof(Hidden), LayerSizes.Parse(Hidden) is { Count: > 0 } sizes ? string.Join(',', sizes) : "none"),
        Text(nameof(Dropout), Dropout),
        Text(nameof(WeightDecay), WeightDecay),
        Text(nameof(Clip), Clip),
        Text(nameof(Accumulate), Accumulate),
        Text(nameof(Average), Average),
        Text(nameof(LabelSmoothing), LabelSmoothing),
        Text(nameof(Augment), string.Join(',', OneOfAttribute.Split(Augment))),
        Text(nameof(Validation), Validation),
        Text(nameof(Seed), Seed),
        .. Precision == "float32" ? Array.Empty<KeyValuePair<string, string>>() : [Text(nameof(Precision), Precision)],
    ];

    /// <summary>What a checkpoint keeps, so that --resume alone goes on as the run began.</summary>
    internal IEnumerable<KeyValuePair<string, string>> Remembered =>
        Deciding
            .Append(Text(nameof(Epochs), Epochs))
            .Append(Text(nameof(Patience), Patience))
            .Append(Text(nameof(Output), OutputFile))
            .Append(Text(nameof(Device), Device))
            .Concat(Data is null ? [] : [Text(nameof(Data), Data)])
            .DistinctBy(option => option.Key);

    private static KeyValuePair<string, string>[] Own(string name, double? value) => value is { } given ? [Text(name, given)] : [];

    private static KeyValuePair<string, string> Text(string name, IFormattable value) =>
        new(name, value.ToString(null, CultureInfo.InvariantCulture));

    private static KeyValuePair<string, string> Text(string name, string value) => new(name, value);
}

/// <summary>Checks the attributes above; its body is generated.</summary>
[OptionsValidator]
public sealed partial class TrainOptionsValidator : IValidateOptions<TrainOptions>;

/// <summary>Checks what no attribute can: that no two files of a run are one, and that what ends a run has something to go by.</summary>
public sealed class TrainFilesValidator : IValidateOptions<TrainOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, TrainOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        (string Option, string? File)[] files =
        [
            ("--data", options.Data),
            ("--output", options.OutputFile),
            ("--checkpoint", options.CheckpointFile),
            ("--log", options.Log),
        ];

        if (options.Patience > 0 && options.Validation == 0)
        {
            return ValidateOptionsResult.Fail(
                $"--patience (Train:Patience) is {options.Patience}, but no examples are held out to judge by; give --validation a share.");
        }

        var same = files.Where(f => !string.IsNullOrWhiteSpace(f.File)).GroupBy(f => Path.GetFullPath(f.File!)).FirstOrDefault(g => g.Count() > 1);
        return same is null
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"{string.Join(" and ", same.Select(f => f.Option))} are the same file, {same.First().File}.");
    }
}
