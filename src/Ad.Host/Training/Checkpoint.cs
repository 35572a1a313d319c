using System.Globalization;
using Ad.Tensors;

namespace Ad.Host;

/// <summary>A run at rest: the state's tensors, how far it is, and what decided its numbers.</summary>
/// <param name="File">Where it lies.</param>
/// <param name="Tensors">Every tensor of the state.</param>
/// <param name="Position">How far it is.</param>
/// <param name="Options">The options that decided its numbers.</param>
/// <param name="Fingerprint">Which data it saw.</param>
/// <param name="Best">The epochs behind the best state so far and the share it got right, where one is kept; its tensors' names begin with best.</param>
public sealed record Checkpoint(
    string File,
    IReadOnlyDictionary<string, HostStorage> Tensors,
    Position Position,
    IReadOnlyDictionary<string, string> Options,
    string Fingerprint,
    (int Epoch, double Share)? Best = null)
{
    /// <summary>What the names of the best state's tensors begin with.</summary>
    public const string BestPrefix = "best.";

    private const string Kind = "functional.checkpoint.1";
    private const string Option = "option.";

    /// <summary>Writes a checkpoint, whole or not at all.</summary>
    public static void Write(
        TrainOptions options,
        string fingerprint,
        Position position,
        IReadOnlyList<KeyValuePair<string, HostStorage>> tensors,
        (int Epoch, double Share)? best = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        var metadata = new Dictionary<string, string>
        {
            ["kind"] = Kind,
            ["data"] = fingerprint,
            ["epoch"] = Text(position.Epoch),
            ["step"] = Text(position.Step),
            ["loss"] = Text(position.Loss),
            ["correct"] = Text(position.Correct),
            ["examples"] = Text(position.Examples),
        };

        if (best is var (epoch, share))
        {
            metadata["best_epoch"] = Text(epoch);
            metadata["best_share"] = Text(share);
        }

        foreach (var (name, value) in options.Remembered)
        {
            metadata[Option + name] = value;
        }

        ParameterFile.Write(options.CheckpointFile, tensors, metadata);
    }

    /// <summary>Reads a checkpoint.</summary>
    /// <exception cref="ShellException">There is none, or it is damaged; the message names the file.</exception>
    public static Checkpoint Read(string file)
    {
        if (!System.IO.File.Exists(file))
        {
            throw ShellException.BadData($"There is no checkpoint {file} to go on from; without --resume a run starts anew.");
        }

        var (tensors, metadata) = ParameterFile.Read(file);
        if (metadata.GetValueOrDefault("kind") != Kind)
        {
            throw ShellException.BadData($"{file} is not a checkpoint of this program; it holds parameters only.");
        }

        try
        {
            return new Checkpoint(file, tensors, PositionIn(metadata), OptionsIn(metadata), metadata["data"], BestIn(metadata));
        }
        catch (Exception e) when (e is KeyNotFoundException or FormatException or OverflowException)
        {
            throw ShellException.BadData($"{file} is damaged: {e.Message}", e);
        }
    }

    /// <summary>Refuses to go on with options or data that would give other numbers.</summary>
    /// <exception cref="ShellException">They would; the message names the option.</exception>
    public void Check(TrainOptions options, string fingerprint)
    {
        ArgumentNullException.ThrowIfNull(options);
        foreach (var (name, value) in options.Deciding)
        {
            if (Options.TryGetValue(name, out var kept) && kept != value)
            {
                throw ShellException.BadOption(
                    $"{OptionName.Switch(name)} (Train:{name}) is {value}, but {File} was made with {kept}; "
                    + "a run is resumed with the options it was started with.");
            }
        }

        if (Fingerprint != fingerprint)
        {
            throw ShellException.BadOption(
                $"--data (Train:Data) names other data than {File} was made with; a run is resumed with the data it was started with.");
        }
    }

    private static Position PositionIn(IReadOnlyDictionary<string, string> metadata) => new(
        int.Parse(metadata["epoch"], CultureInfo.InvariantCulture),
        int.Parse(metadata["step"], CultureInfo.InvariantCulture),
        double.Parse(metadata["loss"], CultureInfo.InvariantCulture),
        long.Parse(metadata["correct"], CultureInfo.InvariantCulture),
        long.Parse(metadata["examples"], CultureInfo.InvariantCulture));

    private static (int Epoch, double Share)? BestIn(IReadOnlyDictionary<string, string> metadata) =>
        metadata.TryGetValue("best_epoch", out var epoch)
            ? (int.Parse(epoch, CultureInfo.InvariantCulture), double.Parse(metadata["best_share"], CultureInfo.InvariantCulture))
            : null;

    private static Dictionary<string, string> OptionsIn(IReadOnlyDictionary<string, string> metadata) =>
        metadata.Where(m => m.Key.StartsWith(Option, StringComparison.Ordinal)).ToDictionary(m => m.Key[Option.Length..], m => m.Value);

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
