using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Shell;

/// <summary>How a run of the built program ended.</summary>
public sealed record Ended(int ExitCode, string Output, string Errors);

/// <summary>The built program, run as a person runs it.</summary>
public static class Executable
{
    private const int Terminate = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs it in a folder to its end.</summary>
    public static Task<Ended> Run(Scratch folder, params string[] arguments) => Run(folder, [], null, arguments);

    /// <summary>Runs it with environment variables; sends SIGTERM when it has printed a line that begins so.</summary>
    public static async Task<Ended> Run(Scratch folder, (string Name, string Value)[] environment, string? terminateAt, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "ad-host.exe" : "ad-host"), arguments)
        {
            WorkingDirectory = folder.Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(Patience);
        var errors = process.StandardError.ReadToEndAsync(patience.Token);
        var output = new StringWriter();

        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            output.WriteLine(line);
            if (terminateAt is not null && line.StartsWith(terminateAt, StringComparison.Ordinal))
            {
                Marshal.ThrowExceptionForHR(Kill(process.Id, Terminate));
                terminateAt = null;
            }
        }

        await process.WaitForExitAsync(patience.Token);
        return new Ended(process.ExitCode, output.ToString(), (await errors).Trim());
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
