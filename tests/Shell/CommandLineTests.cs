using Ad.Host.Arguments;
using Xunit;

namespace Shell;

public sealed class CommandLineTests
{
    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static ParseOutcome.Run Run(string line) => Assert.IsType<ParseOutcome.Run>(Arguments.Parse(Words(line)));

    private static ParseOutcome.Stop Stop(string line) => Assert.IsType<ParseOutcome.Stop>(Arguments.Parse(Words(line)));

    [Theory]
    [InlineData("")]
    [InlineData("train")]
    public void No_verb_is_train(string line)
    {
        Assert.Equal(Verb.Train, Run(line).Verb);
        Assert.Empty(Run(line).Settings);
    }

    [Theory]
    [InlineData("train --epochs 3 --resume", Verb.Train, "Train:Epochs=3 Train:Resume=true")]
    [InlineData("--resume", Verb.Train, "Train:Resume=true")]
    [InlineData("-e 3 -b 7 -r 1e-3 -q", Verb.Train, "Train:Batch=7 Train:Epochs=3 Train:LearningRate=0.001 Train:Quiet=true")]
    [InlineData("--epochs=3 --learning-rate=NaN", Verb.Train, "Train:Epochs=3 Train:LearningRate=NaN")]
    [InlineData("--epochs -5", Verb.Train, "Train:Epochs=-5")]
    [InlineData("--optimizer momentum --schedule constant", Verb.Train, "Train:Optimizer=Momentum Train:Schedule=Constant")]
    [InlineData("--device cuda:1", Verb.Train, "Train:Device=cuda:1")]
    [InlineData("devices", Verb.Devices, "")]
    [InlineData("--data-dir x", Verb.Train, "Train:Data=x")]
    [InlineData("modes -n 64 --csv a.csv", Verb.Modes, "Modes:Csv=a.csv Modes:Inputs=64")]
    [InlineData("gradcheck --operation sin --operation cos --cases 9", Verb.Gradcheck, "Gradcheck:Cases=9 Gradcheck:Operations=sin,cos")]
    [InlineData("gradcheck --programs 50 --seed 7", Verb.Gradcheck, "Gradcheck:Programs=50 Gradcheck:Seed=7")]
    [InlineData("gradcheck --assembly My.dll --json r.json", Verb.Gradcheck, "Gradcheck:Assembly=My.dll Gradcheck:Json=r.json")]
    public void Options_become_configuration(string line, Verb verb, string settings)
    {
        Assert.Equal(verb, Run(line).Verb);
        Assert.Equal(settings, string.Join(' ', Run(line).Settings.Select(s => $"{s.Key}={s.Value}").Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("trian", "There is no verb 'trian'; the verbs are train, modes, gradcheck and devices. Did you mean 'train'?")]
    [InlineData("serve", "There is no verb 'serve'; the verbs are train, modes, gradcheck and devices.")]
    [InlineData("train --epocs 3", "train has no option '--epocs'. Did you mean '--epochs'? 'ad-host train --help' lists its options.")]
    [InlineData("train 3", "train has no option '3'. 'ad-host train --help' lists its options.")]
    [InlineData("--no-such", "train has no option '--no-such'. 'ad-host train --help' lists its options.")]
    [InlineData("--epochs three", "'--epochs' must be followed by <count>, but was 'three'.")]
    [InlineData("--epochs", "'--epochs' must be followed by <count>.")]
    [InlineData("--epochs 1 --epochs 2", "'--epochs' has been specified more than once.")]
    [InlineData("--optimizer lbfgs", "'--optimizer' must be followed by <adam|sgd|momentum>, but was 'lbfgs'.")]
    [InlineData("--seed 99999999999999999999", "'--seed' must be followed by <number>, but was '99999999999999999999'.")]
    [InlineData("devices --all", "devices has no option '--all'. 'ad-host devices --help' lists its options.")]
    [InlineData("modes --inputs 1.5", "'--inputs' must be followed by <most>, but was '1.5'.")]
    public void What_cannot_be_read_is_said_in_a_sentence(string line, string message)
    {
        Assert.Equal(message, Stop(line).Message);
        Assert.Equal(64, Stop(line).ExitCode);
    }

    [Theory]
    [InlineData("--help", "SUBCOMMANDS")]
    [InlineData("-h", "gradcheck")]
    [InlineData("train --help", "--learning-rate")]
    [InlineData("--resume --help", "--checkpoint-every")]
    [InlineData("modes --help", "--svg")]
    [InlineData("gradcheck -h", "--replay")]
    public void Help_is_no_error_and_lists_the_options(string line, string option)
    {
        Assert.Equal(0, Stop(line).ExitCode);
        Assert.Contains(option, Stop(line).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--version")]
    [InlineData("train --version")]
    [InlineData("gradcheck --version")]
    public void The_version_can_be_asked_for_anywhere(string line) =>
        Assert.True(Arguments.Parse(Words(line)).IsShowVersion);
}
