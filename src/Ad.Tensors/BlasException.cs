namespace Ad.Tensors;

/// <summary>A library of matrix products that was asked for is not there or cannot be used; the message names it and says what to do.</summary>
public sealed class BlasException : Exception
{
    /// <summary>Nothing said about what is wrong.</summary>
    public BlasException()
    {
    }

    /// <summary>What is wrong, in plain words.</summary>
    public BlasException(string message)
        : base(message)
    {
    }

    /// <summary>What is wrong, in plain words, and what brought it about.</summary>
    public BlasException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
