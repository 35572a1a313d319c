using Ad.Host;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Shell;

public sealed class VerbServiceTests
{
    private sealed class Does(Func<CancellationToken, int> work) : IVerb
    {
        public int Run(CancellationToken stopping) => work(stopping);
    }

    private sealed class Lifetime : IHostApplicationLifetime
    {
        private readonly TaskCompletionSource _stopped = new();

        public Task Stopped => _stopped.Task;

        public CancellationToken ApplicationStarted => default;

        public CancellationToken ApplicationStopping => default;

        public CancellationToken ApplicationStopped => default;

        public void StopApplication() => _stopped.SetResult();
    }

    private static async Task<Outcome> Run(Func<CancellationToken, int> work, bool stop = false)
    {
        var (outcome, lifetime, begun) = (new Outcome(), new Lifetime(), new TaskCompletionSource());
        var does = new Does(stopping =>
        {
            begun.SetResult();
            return work(stopping);
        });
        using var service = new VerbService(does, outcome, lifetime, NullLogger<VerbService>.Instance);
        await service.StartAsync(TestContext.Current.CancellationToken);
        if (stop)
        {
            await begun.Task;
            await service.StopAsync(TestContext.Current.CancellationToken);
        }

        await lifetime.Stopped.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        return outcome;
    }

    [Fact]
    public async Task The_exit_code_is_that_of_the_work()
    {
        Assert.Equal(0, (await Run(_ => 0)).ExitCode);
        Assert.Equal(1, (await Run(_ => 1)).ExitCode);
    }

    [Fact]
    public async Task A_failure_that_a_person_can_mend_is_said_as_it_is()
    {
        var outcome = await Run(_ => throw ShellException.BadData("m.csv is empty."));
        Assert.Equal((65, "m.csv is empty."), (outcome.ExitCode, outcome.Message));
    }

    [Fact]
    public async Task Any_other_failure_is_70()
    {
        var outcome = await Run(_ => throw new InvalidOperationException("No."));
        Assert.Equal((70, "The work failed: No."), (outcome.ExitCode, outcome.Message));
        Assert.Equal(70, (await Run(_ => throw new IOException("The disk is full."))).ExitCode);
    }

    [Fact]
    public async Task Work_that_a_signal_cuts_off_is_done()
    {
        var outcome = await Run(
            stopping =>
            {
                stopping.WaitHandle.WaitOne(TimeSpan.FromSeconds(10));
                stopping.ThrowIfCancellationRequested();
                return 1;
            },
            stop: true);
        Assert.Equal((0, null), (outcome.ExitCode, outcome.Message));
    }
}
