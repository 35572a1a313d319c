using Ad.Host.Arguments;
using Xunit;

namespace Shell;

public sealed class CommandLineTests
{
    [Fact]
    public void Help_is_not_an_error() =>
        Assert.Equal(0, Assert.IsType<ParseOutcome.Stop>(Arguments.Parse(["--help"])).ExitCode);

    [Fact]
    public void An_unknown_option_is_a_usage_error() =>
        Assert.Equal(64, Assert.IsType<ParseOutcome.Stop>(Arguments.Parse(["--no-such-option"])).ExitCode);
}
