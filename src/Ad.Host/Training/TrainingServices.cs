using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace Ad.Host;

/// <summary>Registers training.</summary>
public static class TrainingServices
{
    /// <summary>Trains what the factory makes: options, telemetry, health, progress and the verb itself.</summary>
    /// <exception cref="ShellException">A run is to be resumed, and its checkpoint is missing or damaged.</exception>
    public static void AddTraining<TState>(this IHostApplicationBuilder builder, TrainableFactory<TState> factory)
    {
        ArgumentNullException.ThrowIfNull(builder);
        Remember(builder.Configuration);
        var services = builder.Services;

        services.AddVerbOptions<TrainOptions, TrainOptionsValidator>(TrainOptions.Section);
        services.AddSingleton<IValidateOptions<TrainOptions>, TrainFilesValidator>();
        services.AddSingleton<TrainingTelemetry>();
        services.AddSingleton<TrainingHealth>();
        services.AddSingleton<IHealthCheckPublisher, HealthLog>();
        services.AddHealthChecks().AddCheck<TrainingHealth>("training");
        services.AddSingleton(factory);
        services.AddSingleton(View);
        services.AddSingleton<IVerb, TrainVerb<TState>>();
    }

    // The options a run began with stand below all others, so that --resume needs none of them again.
    private static void Remember(IConfigurationManager configuration)
    {
        var section = configuration.GetSection(TrainOptions.Section);
        if (!bool.TryParse(section[nameof(TrainOptions.Resume)], out var resume) || !resume)
        {
            return;
        }

        var named = new TrainOptions
        {
            Data = section[nameof(TrainOptions.Data)],
            Output = section[nameof(TrainOptions.Output)],
            Checkpoint = section[nameof(TrainOptions.Checkpoint)],
        };
        var kept = Checkpoint.Read(named.CheckpointFile).Options
            .Select(option => KeyValuePair.Create($"{TrainOptions.Section}:{option.Key}", (string?)option.Value));

        configuration.Sources.Insert(0, new Microsoft.Extensions.Configuration.Memory.MemoryConfigurationSource { InitialData = kept });
    }

    private static IProgressView View(IServiceProvider services)
    {
        var console = services.GetRequiredService<IAnsiConsole>();
        var time = services.GetRequiredService<TimeProvider>();
        var capabilities = console.Profile.Capabilities;

        return services.GetRequiredService<IOptions<TrainOptions>>().Value.Quiet ? new NoView()
            : console.Profile.Out.IsTerminal && capabilities.Ansi && capabilities.Interactive ? new LiveView(console, time)
            : new LineView(console.Profile.Out.Writer, time);
    }
}
