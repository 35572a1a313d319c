using System.Text.Json;
using Ad.Checks;

namespace Ad.Host;

/// <summary>The results as JSON, for programs.</summary>
public static class JsonReport
{
    private static readonly JsonSerializerOptions Style = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>The document.</summary>
    public static string Of(IReadOnlyList<LawResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        var document = new
        {
            Passed = results.Count(r => r.Passed),
            Failed = results.Count(r => !r.Passed),
            Results = results.Select(r => new
            {
                r.Operation,
                r.Law,
                r.Cases,
                r.Passed,
                Message = r.Passed ? null : r.Message,
                Replay = r.Passed ? null : r.Replay,
                r.Seconds,
            }),
        };
        return JsonSerializer.Serialize(document, Style) + "\n";
    }
}
