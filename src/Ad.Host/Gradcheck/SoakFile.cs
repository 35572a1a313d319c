using System.Text.Json;
using Ad.Checks;

namespace Ad.Host;

/// <summary>How far a check of random programs is, in a file: JSON, every seed in it.</summary>
public static class SoakFile
{
    private static readonly JsonSerializerOptions Style = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Writes a state over the last one, whole or not at all.</summary>
    public static void Write(string file, SoakState state) => TextFile.Write(file, JsonSerializer.Serialize(state, Style) + "\n");

    /// <summary>The state in a file, or a new run from the seed when there is no such file.</summary>
    /// <exception cref="ShellException">The file is damaged, begins with another seed, or its programs are not those that would be made now.</exception>
    public static SoakState Read(string file, int seed)
    {
        var start = Soak.start(seed);
        if (!File.Exists(file))
        {
            return start;
        }

        SoakState found;
        try
        {
            found = JsonSerializer.Deserialize<SoakState>(File.ReadAllText(file), Style) ?? throw new JsonException("it holds null.");
        }
        catch (JsonException e)
        {
            throw ShellException.BadData($"{file} is no state of gradcheck, or is damaged: {e.Message}", e);
        }

        return found.Generator != start.Generator
            ? throw ShellException.BadData(
                $"{file} was made by another version, whose programs have other seeds; name another --state to start anew.")
            : found.FirstSeed != seed
            ? throw ShellException.BadOption(
                $"--seed (Gradcheck:Seed) is {seed}, but {file} began with {found.FirstSeed}; a run goes on with the seed that it began with.")
            : found;
    }
}
