using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace Ad.Host;

/// <summary>The host that every verb runs in.</summary>
public static class ShellHost
{
    /// <summary>The program's version.</summary>
    public static string Version { get; } = typeof(ShellHost).Assembly.GetName().Version!.ToString(3);

    /// <summary>
    /// Configures a host, runs the verb that <paramref name="add"/> registers until it ends or a signal is heard, and says
    /// what went wrong, if anything.
    /// </summary>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(
        IReadOnlyDictionary<string, string> settings, Action<IHostApplicationBuilder> add, CancellationToken heard)
    {
        ArgumentNullException.ThrowIfNull(add);

        try
        {
            using var host = Build(settings, add);
            Validate(host.Services);
            var outcome = host.Services.GetRequiredService<Outcome>();
            var lifetime = host.Services.GetRequiredService<IHostApplicationLifetime>();
            lifetime.ApplicationStarted.Register(() => heard.Register(lifetime.StopApplication));
            await host.RunAsync(CancellationToken.None);
            return outcome.Message is { } message ? Say(outcome.ExitCode, message) : outcome.ExitCode;
        }
        catch (ShellException e)
        {
            return Say(e.ExitCode, e.Message);
        }
    }

    private static IHost Build(IReadOnlyDictionary<string, string> settings, Action<IHostApplicationBuilder> add)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddShell(settings);
        builder.Configuration.TakeThreads();
        builder.Configuration.TakeBlas();
        builder.Logging
            .SetMinimumLevel(LogLevel.Warning)
            .AddConfiguration(builder.Configuration.GetSection("Logging"))
            .AddSimpleConsole(c => c.SingleLine = true);

        var services = builder.Services;
        services.Configure<ConsoleLoggerOptions>(c => c.LogToStandardErrorThreshold = LogLevel.Trace);
        services.Configure<ConsoleLifetimeOptions>(c => c.SuppressStatusMessages = true);
        services.Configure<HostOptions>(h => h.ShutdownTimeout = TimeSpan.FromMinutes(1));
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(_ => Terminal());
        services.AddSingleton<Outcome>();
        services.AddHostedService<VerbService>();
        add(builder);
        return builder.Build();
    }

    // Validation at start, before anything else runs: wrong values, misspelt keys, and text where a number must be.
    private static void Validate(IServiceProvider services)
    {
        try
        {
            services.GetService<IStartupValidator>()?.Validate();
        }
        catch (OptionsValidationException e)
        {
            throw ShellException.BadOption(string.Join(Environment.NewLine, e.Failures.Distinct()), e);
        }
        catch (InvalidOperationException e)
        {
            throw ShellException.BadOption(e.Message, e);
        }
    }

    private static IAnsiConsole Terminal()
    {
        if (!Console.IsOutputRedirected)
        {
            return AnsiConsole.Create(new AnsiConsoleSettings());
        }

        var plain = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No });
        plain.Profile.Width = 1000;
        return plain;
    }

    private static int Say(int exitCode, string message)
    {
        Console.Error.WriteLine(message);
        return exitCode;
    }
}
