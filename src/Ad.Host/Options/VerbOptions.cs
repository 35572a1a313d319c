using Ad.Host.Arguments;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Ad.Host;

/// <summary>Registers the options of a verb.</summary>
public static class VerbOptions
{
    /// <summary>
    /// Binds <typeparamref name="TOptions"/> to its section and checks it at start: every key must be known, every value
    /// of the right type and in its range.
    /// </summary>
    public static void AddVerbOptions<TOptions, TValidator>(this IServiceCollection services, string section)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.AddSingleton<IValidateOptions<TOptions>>(
            p => new KnownKeys<TOptions>(p.GetRequiredService<IConfiguration>().GetSection(section)));
        services.AddSingleton<IValidateOptions<TOptions>, TValidator>();
        services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
    }

    /// <summary>Refuses keys that no option has: a misspelt one would otherwise be passed over in silence.</summary>
    private sealed class KnownKeys<TOptions>(IConfigurationSection section) : IValidateOptions<TOptions>
        where TOptions : class
    {
        private static readonly string[] Known =
            [.. typeof(TOptions).GetProperties().Where(p => p.SetMethod is { IsPublic: true }).Select(p => p.Name)];

        public ValidateOptionsResult Validate(string? name, TOptions options)
        {
            var unknown = section.GetChildren()
                .Select(c => c.Key)
                .Where(key => !Known.Contains(key, StringComparer.OrdinalIgnoreCase))
                .Select(key => $"There is no option {section.Path}:{key}.{Nearest.Suggestion(Known, key)}")
                .ToArray();

            return unknown.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(unknown);
        }
    }
}
