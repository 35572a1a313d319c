using Ad.Checks;

namespace Ad.Host;

/// <summary>Says how a law failed and how to see it again.</summary>
public static class FailureText
{
    /// <summary>All there is to say.</summary>
    public static string Of(LawResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var again = string.IsNullOrEmpty(result.Replay)
            ? ""
            : $"\nagain: ad-host gradcheck --operation {result.Operation} --replay \"{result.Replay}\"";
        return $"{result.Operation}: {result.Law}\n{result.Message.Trim()}{again}";
    }

    /// <summary>The first line of what went wrong.</summary>
    public static string FirstLine(LawResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return result.Message.Trim().Split('\n')[0].Trim();
    }
}
