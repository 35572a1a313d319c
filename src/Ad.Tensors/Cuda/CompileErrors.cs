using System.Text.RegularExpressions;

namespace Ad.Tensors.Cuda;

/// <summary>What a compiler says of a module, with the line it means.</summary>
internal static partial class CompileErrors
{
    /// <summary>The failure of a compiler: its first error, that line of the source, and the rest of what it said.</summary>
    public static CudaException Of(string compiler, string source, string log, int code)
    {
        var place = FirstError().Match(log);
        var line = place.Success && int.TryParse(place.Groups["line"].Value, out var number) && number >= 1 && number <= source.Count(c => c == '\n') + 1
            ? $"Line {number}: {source.Split('\n')[number - 1].Trim()}\n"
            : "";
        return new CudaException(
            $"A kernel does not compile with {compiler}. This is an error of this library; please report it with the program.\n{line}{log.Trim()}", code);
    }

    [GeneratedRegex(@"(\(|:)(?<line>\d+)(\)|:\d+)?: (fatal )?error")]
    private static partial Regex FirstError();
}
