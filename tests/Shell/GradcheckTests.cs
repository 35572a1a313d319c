using System.Text.Json;
using System.Xml.Linq;
using Ad.Checks;
using Ad.Host;
using Microsoft.Extensions.Options;
using Spectre.Console;
using Xunit;

namespace Shell;

public sealed class GradcheckTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly StringWriter _output = new();

    public void Dispose()
    {
        _output.Dispose();
        _scratch.Dispose();
    }

    /// <summary>Two laws for each of three operations; those in the list fail one.</summary>
    private sealed class Laws(params string[] wrong) : IGradientLaws
    {
        public IReadOnlyList<string> Operations => ["sin", "cos", "matmul"];

        public IReadOnlyList<LawResult> Check(
            int cases, string? replay, IReadOnlyList<string> operations, Action<LawResult> progress, CancellationToken stopping) =>
            [
                .. operations.Select(o => new LawResult(o, "forward is reverse", cases, true, "", "", 0.25)),
                .. operations.Select(o => wrong.Contains(o)
                    ? new LawResult(o, "central difference", 12, false, "Falsifiable\nx = 1 < 2 \u0001", replay ?? "(1,2,3)", 0.5)
                    : new LawResult(o, "central difference", cases, true, "", "", 0.5)),
            ];

        public SoakState CheckPrograms(SoakState from, int programs, Action<SoakState> progress, CancellationToken stopping)
        {
            var failure = new ProgramFailure(GradientCheck.LawNames[0], from.FirstSeed + 6, "apart", 1, "sin", "open Ad.Checks");
            var state = new SoakState(from.Generator, from.FirstSeed, programs, wrong.Contains("programs") ? [.. from.Failures, failure] : from.Failures, from.Coverage, from.Asked, from.Seconds + 0.5);
            progress(state);
            return state;
        }
    }

    private int Run(IGradientLaws laws, Action<GradcheckOptions>? change = null)
    {
        var options = new GradcheckOptions { Junit = _scratch["r.xml"], Json = _scratch["r.json"] };
        change?.Invoke(options);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(_output),
        });
        console.Profile.Width = 200;
        return new GradcheckVerb(laws, Microsoft.Extensions.Options.Options.Create(options), console, TimeProvider.System).Run(default);
    }

    [Fact]
    public void When_every_law_holds_the_exit_code_is_0()
    {
        Assert.Equal(0, Run(new Laws()));
        Assert.Contains("6 laws hold, 0 fail, over 3 operations", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Random_programs_are_checked_in_place_of_operations()
    {
        Assert.Equal(0, Run(new Laws(), o => (o.Programs, o.Seed) = (40, 5)));
        Assert.Contains("15 laws hold, 0 fail, over 40 random programs from seed 5", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, Run(new Laws("programs"), o => (o.Programs, o.Seed) = (40, 5)));
        Assert.Contains("again: ad-host gradcheck --programs 1 --seed 11", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_check_of_programs_keeps_what_it_found_and_goes_on_from_there()
    {
        void Kept(GradcheckOptions o) => (o.Programs, o.Seed, o.State) = (40, 5, _scratch["soak.json"]);
        Assert.Equal(1, Run(new Laws("programs"), Kept));
        Assert.Equal(1, Run(new Laws(), o => { Kept(o); o.Programs = 50; }));
        var kept = SoakFile.Read(_scratch["soak.json"], 5);
        Assert.Equal((50, 5, 11), (kept.Programs, kept.FirstSeed, Assert.Single(kept.Failures).Seed));
        Assert.Equal(1.0, kept.Seconds);
    }

    [Fact]
    public void A_state_of_another_seed_or_version_or_no_state_at_all_is_refused()
    {
        var file = _scratch["soak.json"];
        SoakFile.Write(file, Soak.start(5));
        string Refused(int seed) => Assert.Throws<ShellException>(() => SoakFile.Read(file, seed)).Message;
        Assert.Contains("--seed (Gradcheck:Seed) is 6", Refused(6), StringComparison.Ordinal);
        var text = File.ReadAllText(file);
        File.WriteAllText(file, text.Replace(Soak.start(5).Generator, "another", StringComparison.Ordinal));
        Assert.Contains("was made by another version", Refused(5), StringComparison.Ordinal);
        File.WriteAllText(file, text[..(text.Length / 2)]);
        Assert.Contains("is no state of gradcheck, or is damaged", Refused(5), StringComparison.Ordinal);
        File.WriteAllText(file, "{}");
        Assert.Contains("is no state of gradcheck, or is damaged", Refused(5), StringComparison.Ordinal);
    }

    [Fact]
    public void A_state_without_programs_is_refused() =>
        Assert.Equal(
            "--state goes with --programs or --minutes.",
            Assert.Throws<ShellException>(() => Run(new Laws(), o => o.State = _scratch["soak.json"])).Message);

    [Fact]
    public void A_law_that_fails_is_shown_with_how_to_see_it_again()
    {
        Assert.Equal(1, Run(new Laws("cos")));
        Assert.Contains("cos: central difference", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("again: ad-host gradcheck --operation cos --replay \"(1,2,3)\"", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Only_the_operations_asked_for_are_checked()
    {
        Assert.Equal(0, Run(new Laws("cos"), o => o.Operations = "MatMul, sin"));
        Assert.Contains("4 laws hold, 0 fail, over 2 operations", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_operation_that_is_none_is_refused_by_name()
    {
        var e = Assert.Throws<ShellException>(() => Run(new Laws(), o => o.Operations = "sin,matmal"));
        Assert.Equal("--operation names 'matmal', but there is no such operation. Did you mean 'matmul'?", e.Message);
    }

    [Fact]
    public void The_reports_hold_every_law()
    {
        Run(new Laws("cos"));
        var junit = XDocument.Load(_scratch["r.xml"]).Root!;
        Assert.Equal(("6", "1"), ((string?)junit.Attribute("tests"), (string?)junit.Attribute("failures")));
        Assert.Contains("x = 1 < 2", Assert.Single(junit.Descendants("failure")).Value, StringComparison.Ordinal);

        var json = JsonDocument.Parse(File.ReadAllText(_scratch["r.json"])).RootElement;
        Assert.Equal((5, 1, 6), (json.GetProperty("passed").GetInt32(), json.GetProperty("failed").GetInt32(), json.GetProperty("results").GetArrayLength()));
    }

    [Theory]
    [InlineData("(1,2,3)", true)]
    [InlineData("18446744073709551615,2", true)]
    [InlineData("abc", false)]
    [InlineData("(1)", false)]
    public void A_replay_is_a_seed(string replay, bool valid) =>
        Assert.Equal(valid, new GradcheckOptionsValidator().Validate(null, new GradcheckOptions { Replay = replay }).Succeeded);
}
