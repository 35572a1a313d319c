using Ad.Tensors;

namespace Ad.Host;

/// <summary>Safetensors files, with failures in words for people.</summary>
public static class ParameterFile
{
    /// <summary>Writes tensors and notes, whole or not at all.</summary>
    /// <exception cref="ShellException">It cannot be written, or a number is not finite; nothing is left behind.</exception>
    public static void Write(
        string file,
        IReadOnlyList<KeyValuePair<string, HostStorage>> tensors,
        IReadOnlyDictionary<string, string> metadata)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        foreach (var (name, tensor) in tensors)
        {
            if (!IsFinite(tensor))
            {
                throw new ShellException(
                    ExitCodes.Failed, $"{file} is not written, because {name} holds a number that is not finite; a smaller --learning-rate may help.");
            }
        }

        try
        {
            Safetensors.Write(file, tensors, metadata);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ShellException(ExitCodes.Failed, $"{file} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Reads tensors and notes.</summary>
    /// <exception cref="ShellException">The file is missing or damaged; the message names it.</exception>
    public static (IReadOnlyDictionary<string, HostStorage> Tensors, IReadOnlyDictionary<string, string> Metadata) Read(string file)
    {
        try
        {
            var read = Safetensors.Read(file);
            return (read.Tensors, read.Metadata);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            var message = e.Message.Contains(file, StringComparison.Ordinal) ? e.Message : $"{file} cannot be read: {e.Message}";
            throw ShellException.BadData(message, e);
        }
    }

    private static bool IsFinite(HostStorage tensor) => tensor.Type switch
    {
        DType.Float32 => All<float>(tensor, float.IsFinite),
        DType.Float64 => All<double>(tensor, double.IsFinite),
        DType.Bool or DType.Int32 or DType.Int64 => true,
    };

    private static bool All<T>(HostStorage tensor, Func<T, bool> holds)
        where T : unmanaged
    {
        foreach (var element in tensor.Elements<T>())
        {
            if (!holds(element))
            {
                return false;
            }
        }

        return true;
    }
}
