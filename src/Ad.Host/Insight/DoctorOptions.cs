using Microsoft.Extensions.Options;

namespace Ad.Host;

/// <summary>What is examined, and how long.</summary>
public sealed class DoctorOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Doctor";

    /// <summary>What is to be learned, as for training; null is the built-in digits.</summary>
    public string? Data { get; set; }

    /// <summary>What is trained.</summary>
    [OneOf(Known.Models)]
    public string Model { get; set; } = "mlp";

    /// <summary>Units of the hidden layers.</summary>
    [LayerSizes]
    public string Hidden { get; set; } = "256,128";

    /// <summary>How updates are made from gradients.</summary>
    [OneOf(Known.Optimizers)]
    public string Optimizer { get; set; } = "adam";

    /// <summary>Examples in a step.</summary>
    [Between(1, 1_000_000)]
    public int Batch { get; set; } = 64;

    /// <summary>The step size of the trial run; 0 takes the one found.</summary>
    [Between(0, 1000)]
    public double LearningRate { get; set; }

    /// <summary>Epochs of the trial run.</summary>
    [Between(1, 1_000_000)]
    public int Epochs { get; set; } = 6;

    /// <summary>Examples that must be learned by heart.</summary>
    [Between(2, 10_000)]
    public int Examples { get; set; } = 16;

    /// <summary>Steps in which they must be.</summary>
    [Between(1, 1_000_000)]
    public int Steps { get; set; } = 1000;

    /// <summary>The training loss that would do.</summary>
    [Between(0, 1000, AboveLow = true)]
    public double Target { get; set; } = 0.1;

    /// <summary>Where all that is random comes from.</summary>
    public long Seed { get; set; }

    /// <summary>Where the picture of the first weights goes; null draws none.</summary>
    [NewFile]
    public string? Filters { get; set; }

    /// <summary>The same as options of training, with a learning rate, constant and without regularization.</summary>
    internal TrainOptions Training(double rate) => new()
    {
        Data = Data,
        Model = Model,
        Hidden = Hidden,
        Optimizer = Optimizer,
        Schedule = "constant",
        LearningRate = rate,
        Batch = Batch,
        Dropout = 0,
        WeightDecay = 0,
        Seed = Seed,
    };
}

/// <summary>Checks the attributes above; its body is generated.</summary>
[OptionsValidator]
public sealed partial class DoctorOptionsValidator : IValidateOptions<DoctorOptions>;
