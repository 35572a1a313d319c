namespace Ad.Host;

/// <summary>What is known after a step.</summary>
/// <param name="State">The state the step made.</param>
/// <param name="Position">How far the run is; at the end of an epoch, all its steps are still counted in it.</param>
/// <param name="Loss">The step's own loss.</param>
/// <param name="EndsEpoch">Whether this was an epoch's last step.</param>
public readonly record struct Moment<TState>(TState State, Position Position, double Loss, bool EndsEpoch)
{
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
    /// <summary>Times through the examples.</summary>
    public int Epochs => epochs;

    /// <summary>Steps in an epoch: the examples divided by the batch, rounded up.</summary>
    public int StepsPerEpoch { get; } = (data.Count + batch - 1) / batch;

    /// <summary>Steps in the whole run.</summary>
    public long Steps => (long)epochs * StepsPerEpoch;

    /// <summary>Steps taken up to a position.</summary>
    public long StepsAt(Position position) => ((long)position.Epoch * StepsPerEpoch) + position.Step;

    /// <summary>Goes on from a state; nothing happens until somebody asks for the next moment.</summary>
    public IEnumerable<Moment<TState>> From<TState>(
        TState state, Position position, Func<TState, Batch, StepResult<TState>> step)
    {
        ArgumentNullException.ThrowIfNull(step);
        while (position.Epoch < epochs)
        {
            var order = SplitMix.Order(data.Count, (ulong)seed, (ulong)position.Epoch);

            while (position.Step < StepsPerEpoch)
            {
                var first = position.Step * batch;
                var examples = Batch.Of(data, order.AsSpan(first, Math.Min(batch, data.Count - first)));
                var result = step(state, examples);

                state = result.State;
                position = new Position(
                    position.Epoch,
                    position.Step + 1,
                    position.Loss + (result.Loss * examples.Count),
                    position.Correct + result.Correct,
                    position.Examples + examples.Count);

                var moment = new Moment<TState>(state, position, result.Loss, position.Step == StepsPerEpoch);
                yield return moment;
            }

            position = new Position(position.Epoch + 1, 0, 0, 0, 0);
        }
    }
}
