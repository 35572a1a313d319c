namespace Ad.Host;

/// <summary>What is known after a step.</summary>
/// <param name="State">The state the step made.</param>
/// <param name="Position">How far the run is; at the end of an epoch, all its steps are still counted in it.</param>
/// <param name="Loss">The step's own loss.</param>
/// <param name="EndsEpoch">Whether this was an epoch's last step.</param>
public readonly record struct Moment<TState>(TState State, Position Position, double Loss, bool EndsEpoch)
{
    /// <summary>Whether the state is that of this step; where several steps are made together, only the last one's is known, and given to all.</summary>
    public bool HasState { get; init; } = true;

    /// <summary>Where to go on from here: at the end of an epoch, the beginning of the next.</summary>
    public Position Next => EndsEpoch ? new Position(Position.Epoch + 1, 0, 0, 0, 0) : Position;
}

/// <summary>Training as a sequence of states: each is a pure step of the one before on the next batch.</summary>
/// <param name="data">The examples.</param>
/// <param name="epochs">How often to go through them.</param>
/// <param name="batch">Examples in a step; the last step of an epoch takes what is left.</param>
/// <param name="seed">What decides, with the number of the epoch, the order of the examples in it.</param>
public sealed class TrainingRun(DataSet data, int epochs, int batch, long seed)
{
    // Batches put together while a step is under way.
    private const int Ready = 4;

    /// <summary>Times through the examples.</summary>
    public int Epochs => epochs;

    /// <summary>Steps in an epoch: the examples divided by the batch, rounded up.</summary>
    public int StepsPerEpoch { get; } = (data.Count + batch - 1) / batch;

    /// <summary>Steps in the whole run.</summary>
    public long Steps => (long)epochs * StepsPerEpoch;

    /// <summary>Steps taken up to a position.</summary>
    public long StepsAt(Position position) => ((long)position.Epoch * StepsPerEpoch) + position.Step;

    /// <summary>Whether a run that ends after so many epochs without a better one than the best has come to its end; 0 epochs never end it.</summary>
    public static bool HasStopped(int patience, int? best, Position position) =>
        patience > 0 && best is { } epoch && position.Step == 0 && position.Epoch - epoch >= patience;

    /// <summary>Goes on from a state; nothing happens until somebody asks for the next moment.</summary>
    public IEnumerable<Moment<TState>> From<TState>(
        TState state, Position position, Func<TState, Batch, StepResult<TState>> step)
    {
        ArgumentNullException.ThrowIfNull(step);
        return From(state, position, One, () => 1);

        StepResults<TState> One(TState before, IEnumerable<Batch> batches)
        {
            var result = step(before, batches.Single());
            return new StepResults<TState>(result.State, [result.Loss], [result.Correct]);
        }
    }

    /// <summary>Goes on from a state, so many steps at a time as somebody says each time, but never past the end of an epoch.</summary>
    public IEnumerable<Moment<TState>> From<TState>(
        TState state, Position position, Func<TState, IEnumerable<Batch>, StepResults<TState>> steps, Func<int> together)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(together);
        while (position.Epoch < epochs)
        {
            var order = SplitMix.Order(data.Count, (ulong)seed, (ulong)position.Epoch);

            while (position.Step < StepsPerEpoch)
            {
                var count = Math.Clamp(together(), 1, StepsPerEpoch - position.Step);
                var first = position.Step;
                var batches = Enumerable.Range(first, count).Select(i => At(order, i));
                var result = steps(state, count > 1 ? Prefetch.Ahead(batches, Ready) : batches);
                state = result.State;

                for (var i = 0; i < count; i++)
                {
                    var examples = Math.Min(batch, data.Count - ((first + i) * batch));
                    position = new Position(
                        position.Epoch,
                        position.Step + 1,
                        position.Loss + (result.Losses[i] * examples),
                        position.Correct + result.Correct[i],
                        position.Examples + examples);
                    yield return new Moment<TState>(state, position, result.Losses[i], position.Step == StepsPerEpoch) { HasState = i == count - 1 };
                }
            }

            position = new Position(position.Epoch + 1, 0, 0, 0, 0);
        }
    }

    private Batch At(int[] order, int step) => Batch.Of(data, order.AsSpan(step * batch, Math.Min(batch, data.Count - (step * batch))));
}
