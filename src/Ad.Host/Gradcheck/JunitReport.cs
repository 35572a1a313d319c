using System.Globalization;
using System.Xml.Linq;
using Ad.Checks;

namespace Ad.Host;

/// <summary>The results as JUnit XML, which build servers read: a suite for each operation, a case for each law.</summary>
public static class JunitReport
{
    /// <summary>The document.</summary>
    public static string Of(IReadOnlyList<LawResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        var suites = results.GroupBy(r => r.Operation).Select(operation => new XElement(
            "testsuite",
            new XAttribute("name", operation.Key),
            Counts(operation),
            operation.Select(Case)));

        var root = new XElement("testsuites", new XAttribute("name", "gradcheck"), Counts(results), suites);
        return new XDeclaration("1.0", "utf-8", null) + "\n" + root + "\n";
    }

    private static XElement Case(LawResult result) => new(
        "testcase",
        new XAttribute("classname", $"gradcheck.{result.Operation}"),
        new XAttribute("name", result.Law),
        new XAttribute("time", Seconds(result.Seconds)),
        result.Passed
            ? null
            : new XElement("failure", new XAttribute("message", Clean(FailureText.FirstLine(result))), Clean(FailureText.Of(result))));

    private static IEnumerable<XAttribute> Counts(IEnumerable<LawResult> results)
    {
        var all = results.ToArray();
        yield return new XAttribute("tests", all.Length);
        yield return new XAttribute("failures", all.Count(r => !r.Passed));
        yield return new XAttribute("time", Seconds(all.Sum(r => r.Seconds)));
    }

    private static string Seconds(double seconds) => seconds.ToString("0.000", CultureInfo.InvariantCulture);

    // XML has no place for most control characters, not even escaped.
    private static string Clean(string text) => new([.. text.Where(c => c is '\n' or '\t' or >= ' ' && !char.IsSurrogate(c))]);
}
