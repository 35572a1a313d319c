using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Ad.Host;

/// <summary>Registers the comparison of the modes.</summary>
public static class ModesServices
{
    /// <summary>Compares forward with reverse mode.</summary>
    public static void AddModes(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddVerbOptions<ModesOptions, ModesOptionsValidator>(ModesOptions.Section);
        builder.Services.AddSingleton<ModesMeasurement>(p => new Gradients(p.GetRequiredService<TimeProvider>()).Measure);
        builder.Services.AddSingleton<IVerb, ModesVerb>();
    }
}
