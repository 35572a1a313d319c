using System.Globalization;
using Ad.Tensors;
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

    /// <summary>Has programs use as many threads as the key Threads says, if there is one.</summary>
    /// <exception cref="ShellException">It is not a number that there can be; the message says which can.</exception>
    public static void TakeThreads(this IConfiguration configuration)
    {
        if (configuration["Threads"] is not { } text)
        {
            return;
        }

        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var threads) || threads is < 1 or > 1024)
        {
            throw ShellException.BadOption($"--threads (Threads) is {text}, but must be a whole number from 1 to 1024.");
        }

        Device.CpuThreads = threads;
    }

    /// <summary>Has products of matrices done by the library that the key Blas names, if there is one, and looks for the one that the environment names.</summary>
    /// <exception cref="ShellException">The library cannot be used; the message names it.</exception>
    public static void TakeBlas(this IConfiguration configuration)
    {
        try
        {
            if (configuration["Blas"] is { } setting)
            {
                Device.CpuBlas = setting;
            }

            // Whatever the environment names is looked for here.
            _ = Device.CpuBlas;
        }
        catch (BlasException e)
        {
            throw ShellException.BadOption(e.Message, e);
        }
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
