using System.Text.Json;

namespace Ad.Host;

/// <summary>The metrics of a run as a file of JSON objects, one a line, for whoever draws them.</summary>
public sealed class MetricsLog : IDisposable
{
    private readonly FileStream? _file;
    private readonly TimeProvider _time;

    private MetricsLog(FileStream? file, TimeProvider time) => (_file, _time) = (file, time);

    /// <summary>Opens the file to append to it; null writes nothing.</summary>
    /// <exception cref="ShellException">It cannot be opened.</exception>
    public static MetricsLog Open(string? path, bool append, TimeProvider time)
    {
        try
        {
            var mode = append ? FileMode.Append : FileMode.Create;
            return new MetricsLog(path is null ? null : new FileStream(path, mode, FileAccess.Write, FileShare.Read, 1), time);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ShellException(ExitCodes.Failed, $"{path} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>One line: what happened, when, after how many steps, and numbers by name; those that are not finite become text.</summary>
    public void Write(string what, long step, params ReadOnlySpan<(string Name, double Value)> numbers)
    {
        if (_file is null)
        {
            return;
        }

        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("event", what);
            json.WriteString("time", _time.GetUtcNow());
            json.WriteNumber("step", step);
            foreach (var (name, value) in numbers)
            {
                if (double.IsFinite(value))
                {
                    json.WriteNumber(name, value);
                }
                else
                {
                    json.WriteString(name, OptionName.Text(value));
                }
            }

            json.WriteEndObject();
        }

        line.Write("\n"u8);
        _file.Write(line.ToArray());
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();
}
