using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Ad.Host;

/// <summary>Registers the check of the gradient laws.</summary>
public static class GradcheckServices
{
    /// <summary>Checks the laws that <typeparamref name="TLaws"/> knows.</summary>
    public static void AddGradcheck<TLaws>(this IHostApplicationBuilder builder)
        where TLaws : class, IGradientLaws
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddVerbOptions<GradcheckOptions, GradcheckOptionsValidator>(GradcheckOptions.Section);
        builder.Services.AddSingleton<IGradientLaws, TLaws>();
        builder.Services.AddSingleton<IVerb, GradcheckVerb>();
    }
}
