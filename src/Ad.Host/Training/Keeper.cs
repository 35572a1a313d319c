using Ad.Tensors;

namespace Ad.Host;

/// <summary>Keeps a run: writes its checkpoints, and finds the one to go on from.</summary>
public sealed class Keeper<TState>(
    Trainable<TState> model,
    TrainOptions options,
    string fingerprint,
    TrainingTelemetry telemetry,
    TimeProvider time)
{
    private long _last = time.GetTimestamp();

    /// <summary>Whether it is time for another checkpoint.</summary>
    public bool IsDue =>
        options.CheckpointEvery > 0 && time.GetElapsedTime(_last) >= TimeSpan.FromSeconds(options.CheckpointEvery);

    /// <summary>Writes a checkpoint over the last one, whole or not at all.</summary>
    public void Save(TState state, Position position, Best<TState>? best = null)
    {
        using var activity = TrainingTelemetry.Activities.StartActivity("checkpoint");
        var tensors = model.Save(state);
        Checkpoint.Write(
            options,
            fingerprint,
            position,
            best is null ? tensors : [.. tensors, .. model.Save(best.State).Select(t => KeyValuePair.Create(Checkpoint.BestPrefix + t.Key, t.Value))],
            best is null ? null : (best.Epoch, best.Share));
        telemetry.Saved();
        _last = time.GetTimestamp();
    }

    /// <summary>The state and the position that the checkpoint holds, and the best state if it has one.</summary>
    /// <exception cref="ShellException">There is none, it is damaged, or it was made with other options.</exception>
    public (TState State, Position Position, Best<TState>? Best) Resume()
    {
        var checkpoint = Checkpoint.Read(options.CheckpointFile);
        checkpoint.Check(options, fingerprint);

        try
        {
            var state = model.Load(Part(checkpoint, isBest: false));
            return checkpoint.Best is var (epoch, share)
                ? (state, checkpoint.Position, new Best<TState>(epoch, share, model.Load(Part(checkpoint, isBest: true))))
                : (state, checkpoint.Position, null);
        }
        catch (InvalidDataException e)
        {
            throw ShellException.BadData($"{checkpoint.File} does not fit the model: {e.Message}", e);
        }
    }

    /// <summary>
    /// Makes room for a new run: what lies where its checkpoint will, and is not a finished run, gets another name, so that
    /// a forgotten --resume loses nothing.
    /// </summary>
    /// <returns>The other name, or null when nothing had to move.</returns>
    public string? MoveAside()
    {
        var file = options.CheckpointFile;
        if (!File.Exists(file) || IsSpent(file))
        {
            return null;
        }

        var aside = Path.ChangeExtension(file, ".previous" + Path.GetExtension(file));
        File.Move(file, aside, overwrite: true);
        return aside;
    }

    private static Dictionary<string, HostStorage> Part(Checkpoint checkpoint, bool isBest) =>
        checkpoint.Tensors
            .Where(t => t.Key.StartsWith(Checkpoint.BestPrefix, StringComparison.Ordinal) == isBest)
            .ToDictionary(t => isBest ? t.Key[Checkpoint.BestPrefix.Length..] : t.Key, t => t.Value);

    private static bool IsSpent(string file)
    {
        try
        {
            var (_, _, position, kept, _, best) = Checkpoint.Read(file);
            return position == Position.Start
                || (int.TryParse(kept.GetValueOrDefault(nameof(TrainOptions.Patience)), out var patience) && TrainingRun.HasStopped(patience, best?.Epoch, position))
                || (int.TryParse(kept.GetValueOrDefault(nameof(TrainOptions.Epochs)), out var epochs) && position.Epoch >= epochs);
        }
        catch (ShellException)
        {
            return false;
        }
    }
}
