using System.Globalization;
using System.Text;

namespace Ad.Host;

/// <summary>
/// Reads comma-separated numbers: a row an example, the features first and the class last. A first line that is not
/// all numbers is taken for a heading and passed over.
/// </summary>
public static class Csv
{
    private const int MostClasses = 10_000;

    /// <summary>The examples in a file's contents.</summary>
    /// <exception cref="ShellException">They are not such a table; the message says the file, the line and what is wrong.</exception>
    public static DataSet Read(string name, string path, byte[] contents)
    {
        using var reader = new StreamReader(new MemoryStream(contents), Encoding.UTF8);
        var inputs = new List<float>();
        var labels = new List<int>();
        var columns = 0;
        var line = 0;
        string? text;

        while ((text = reader.ReadLine()) is not null)
        {
            line++;
            if (string.IsNullOrWhiteSpace(text) || (line == 1 && IsHeading(text)))
            {
                continue;
            }

            var width = text.AsSpan().Count(',') + 1;
            columns = columns == 0 ? width : columns;

            if (width != columns)
            {
                throw ShellException.BadData($"{path} has {width} columns on line {line}, but {columns} above it.");
            }

            AddRow(text, width, path, line, inputs, labels);
        }

        return labels.Count == 0
            ? throw ShellException.BadData($"{path} has no rows of numbers.")
            : new DataSet(name, columns - 1, labels.Max() + 1, [.. inputs], [.. labels]);
    }

    private static void AddRow(ReadOnlySpan<char> text, int width, string path, int line, List<float> inputs, List<int> labels)
    {
        if (width == 1)
        {
            throw ShellException.BadData($"{path} has one column on line {line}; a row is features and then a class, with commas between.");
        }

        var column = 0;
        foreach (var range in text.Split(','))
        {
            column++;
            var field = text[range].Trim();

            if (!Number(field, out var number))
            {
                throw ShellException.BadData($"{path} has '{field}' on line {line}, column {column}, where a number must be.");
            }

            if (column < width)
            {
                inputs.Add(Feature(number, path, line, column));
            }
            else
            {
                labels.Add(Label(number, path, line));
            }
        }
    }

    private static float Feature(double number, string path, int line, int column) =>
        float.IsFinite((float)number)
            ? (float)number
            : throw ShellException.BadData($"{path} has {OptionName.Text(number)} on line {line}, column {column}, where a finite number must be.");

    private static int Label(double number, string path, int line) =>
        number is >= 0 and < MostClasses && number == Math.Floor(number)
            ? (int)number
            : throw ShellException.BadData(
                $"{path} has the label {OptionName.Text(number)} on line {line}, but a label is a whole number from 0 to {MostClasses - 1}.");

    private static bool IsHeading(string text) =>
        text.Split(',').Any(field => !Number(field.AsSpan().Trim(), out _));

    private static bool Number(ReadOnlySpan<char> field, out double number) =>
        double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
}
