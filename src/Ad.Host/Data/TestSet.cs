namespace Ad.Host;

/// <summary>Examples to test with, once: who looks at them again must say so, since a choice made by looking is no test of it.</summary>
/// <param name="examples">The examples.</param>
public sealed class TestSet(DataSet examples)
{
    private bool _isUsed;

    /// <summary>The examples, for their sizes and names.</summary>
    public DataSet Examples => examples;

    /// <summary>What a function makes of the examples.</summary>
    /// <param name="evaluate">The function.</param>
    /// <param name="again">Whether it is known that they may have been looked at before.</param>
    /// <exception cref="InvalidOperationException">They were looked at before, and <paramref name="again"/> does not say so.</exception>
    public T Evaluate<T>(Func<DataSet, T> evaluate, bool again = false)
    {
        ArgumentNullException.ThrowIfNull(evaluate);
        if (_isUsed && !again)
        {
            throw new InvalidOperationException(
                $"The {examples.Count} test examples of {examples.Name} were looked at before; a second look needs again: true.");
        }

        _isUsed = true;
        return evaluate(examples);
    }
}
