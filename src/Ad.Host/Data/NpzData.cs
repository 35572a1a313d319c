using Ad.Tensors;

namespace Ad.Host;

/// <summary>
/// Reads NumPy's npz archives: x and y, or x_train, y_train, x_test and y_test; examples lie along the first axis of x, and y holds a whole number for each.
/// </summary>
public static class NpzData
{
    private const int MostClasses = 10_000;

    /// <summary>The examples to train with and, where the archive has them, those to test with.</summary>
    /// <exception cref="ShellException">It is missing or damaged, or holds no such arrays; the message names it.</exception>
    public static (DataSet Train, DataSet? Test) Read(string name, string path)
    {
        var arrays = Open(path);
        if (arrays.ContainsKey("x_train"))
        {
            return (
                Examples(name, path, arrays, "x_train", "y_train"),
                arrays.ContainsKey("x_test") ? Examples(name, path, arrays, "x_test", "y_test") : null);
        }

        return (Examples(name, path, arrays, "x", "y"), null);
    }

    private static Dictionary<string, HostStorage> Open(string path)
    {
        try
        {
            return Npy.ReadArchive(path).ToDictionary();
        }
        catch (FileNotFoundException e)
        {
            throw ShellException.BadData($"The data file {path} does not exist.", e);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            var message = e.Message.Contains(path, StringComparison.Ordinal) ? e.Message : $"{path} cannot be read: {e.Message}";
            throw ShellException.BadData(message, e);
        }
    }

    private static DataSet Examples(string name, string path, Dictionary<string, HostStorage> arrays, string inputs, string classes)
    {
        if (!arrays.TryGetValue(inputs, out var x) || !arrays.TryGetValue(classes, out var y))
        {
            throw ShellException.BadData($"{path} has no {inputs} and {classes}, but {string.Join(", ", arrays.Keys)}.");
        }

        if (x.Shape.Rank < 2 || y.Shape.Elements != x.Shape[0] || x.Shape[0] == 0)
        {
            throw ShellException.BadData($"{path} holds {inputs}{x.Shape} and {classes}{y.Shape}, which are not examples and a class for each.");
        }

        var numbers = Numbers(x);
        if (numbers.FirstOrDefault(n => !float.IsFinite((float)n)) is var bad && !float.IsFinite((float)bad))
        {
            throw ShellException.BadData($"{path} has {OptionName.Text(bad)} in {inputs}, where a finite number must be.");
        }

        var labels = Numbers(y);
        if (labels.Any(l => l is < 0 or >= MostClasses || l != Math.Floor(l)))
        {
            throw ShellException.BadData($"{path} has a label in {classes} that is no whole number from 0 to {MostClasses - 1}.");
        }

        // Pictures without channels have one.
        int[] example = [.. x.Shape.Skip(1)];
        return new DataSet(
            name,
            (int)(x.Shape.Elements / x.Shape[0]),
            (int)labels.Max() + 1,
            Array.ConvertAll(numbers, n => (float)n),
            Array.ConvertAll(labels, l => (int)l),
            example.Length == 2 ? [1, .. example] : example);
    }

    private static double[] Numbers(HostStorage tensor) => tensor.Type switch
    {
        DType.Float16 or DType.BFloat16 => [.. Enumerable.Range(0, (int)tensor.Shape.Elements).Select(tensor.Number)],
        DType.Float32 => Array.ConvertAll(tensor.Elements<float>().ToArray(), x => (double)x),
        DType.Float64 => tensor.Elements<double>().ToArray(),
        DType.Int32 => Array.ConvertAll(tensor.Elements<int>().ToArray(), x => (double)x),
        DType.Int64 => Array.ConvertAll(tensor.Elements<long>().ToArray(), x => (double)x),
        DType.Bool => Array.ConvertAll(tensor.Elements<bool>().ToArray(), x => x ? 1.0 : 0.0),
    };
}
