using Microsoft.Extensions.Configuration;

namespace Ad.Host;

/// <summary>Where options come from; what comes later wins.</summary>
public static class Configuration
{
    /// <summary>What the names of environment variables begin with: AD_Train__Epochs is Train:Epochs.</summary>
    public const string Prefix = "AD_";

    /// <summary>
    /// Reads appsettings.json beside the program and in the current directory, then the environment, then the command line.
    /// </summary>
    /// <exception cref="ShellException">A file is not what it should be; the message names it.</exception>
    public static void AddShell(this ConfigurationManager configuration, IReadOnlyDictionary<string, string> commandLine)
    {
        configuration.Sources.Clear();
        string[] folders = [AppContext.BaseDirectory, Directory.GetCurrentDirectory()];

        foreach (var folder in folders.Select(Path.TrimEndingDirectorySeparator).Distinct())
        {
            AddFile(configuration, Path.Combine(folder, "appsettings.json"));
        }

        configuration.AddEnvironmentVariables(Prefix);
        configuration.AddInMemoryCollection(commandLine.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value)));
    }

    private static void AddFile(ConfigurationManager configuration, string file)
    {
        try
        {
            configuration.AddJsonFile(file, optional: true, reloadOnChange: false);
        }
        catch (Exception e) when (e is InvalidDataException or FormatException or UnauthorizedAccessException)
        {
            throw ShellException.BadOption($"{file} cannot be read: {e.GetBaseException().Message}", e);
        }
    }
}
