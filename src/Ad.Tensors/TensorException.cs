namespace Ad.Tensors;

/// <summary>
/// What a running program found wrong with the values it was given, such as an index out of range, in one sentence. (Wrong types and shapes
/// are <see cref="ArgumentException"/>s; an integer divided by zero is a <see cref="DivideByZeroException"/>.)
/// </summary>
public sealed class TensorException : Exception
{
    /// <summary>Nothing said about what is wrong.</summary>
    public TensorException()
    {
    }

    /// <summary>What is wrong, in one sentence.</summary>
    public TensorException(string message)
        : base(message)
    {
    }

    /// <summary>What is wrong, in one sentence, and what brought it about.</summary>
    public TensorException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
