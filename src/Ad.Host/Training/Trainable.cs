using Ad.Tensors;

namespace Ad.Host;

/// <summary>What a step gives back: the next state, and the mean loss and the hits over its batch before the step.</summary>
public readonly record struct StepResult<TState>(TState State, double Loss, int Correct);

/// <summary>What several steps give back: the state after them, and of each step the mean loss and the hits over its batch before it.</summary>
public sealed record StepResults<TState>(TState State, IReadOnlyList<double> Losses, IReadOnlyList<int> Correct);

/// <summary>
/// Something to train, as pure functions over one state that holds all there is to keep: parameters, optimizer state, step
/// count, random key.
/// </summary>
/// <typeparam name="TState">The state; never changed, only replaced.</typeparam>
public sealed class Trainable<TState>
{
    /// <summary>The state before the first step.</summary>
    public required Func<TState> Initial { get; init; }

    /// <summary>One step.</summary>
    public required Func<TState, Batch, StepResult<TState>> Step { get; init; }

    /// <summary>
    /// Several steps, one after another, to the same numbers as one by one but faster: the state after them, and of each its loss and hits. Null takes them one by
    /// one.
    /// </summary>
    public Func<TState, IEnumerable<Batch>, StepResults<TState>>? Steps { get; init; }

    /// <summary>How many of a batch's examples the state classifies correctly.</summary>
    public required Func<TState, Batch, int> Correct { get; init; }

    /// <summary>Every tensor of the state under its name, for checkpoints.</summary>
    public required Func<TState, IReadOnlyList<KeyValuePair<string, HostStorage>>> Save { get; init; }

    /// <summary>
    /// The state that <see cref="Save"/> took apart.
    /// Throws InvalidDataException, saying which, when a tensor is missing or has another shape or type.
    /// </summary>
    public required Func<IReadOnlyDictionary<string, HostStorage>, TState> Load { get; init; }

    /// <summary>The tensors that other programs want to read: the parameters.</summary>
    public required Func<TState, IReadOnlyList<KeyValuePair<string, HostStorage>>> Parameters { get; init; }
}

/// <summary>Makes what is to be trained once the options and the data are known.</summary>
public delegate Trainable<TState> TrainableFactory<TState>(TrainOptions options, DataSplit data);
