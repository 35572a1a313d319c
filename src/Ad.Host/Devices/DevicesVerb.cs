using Ad.Tensors;
using Ad.Tensors.Cuda;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Spectre.Console;

namespace Ad.Host;

/// <summary>Says which devices there are, and what is missing for others, in plain words.</summary>
public sealed class DevicesVerb(IAnsiConsole console) : IVerb
{
    /// <inheritdoc/>
    public int Run(CancellationToken stopping)
    {
        var (processors, threads) = (Environment.ProcessorCount, Device.CpuThreads);
        console.WriteLine($"cpu: {processors} processors{(threads == processors ? "" : $", of which programs use {threads}")}");
        console.WriteLine(Device.DescribeCpuBlas());
        foreach (var line in CudaDevices.Describe().TrimEnd().Split('\n'))
        {
            console.WriteLine(line);
        }

        return ExitCodes.Done;
    }
}

/// <summary>Registers the list of devices.</summary>
public static class DevicesServices
{
    /// <summary>Lists devices.</summary>
    public static void AddDevices(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IVerb, DevicesVerb>();
    }
}
