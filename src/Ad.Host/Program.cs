using Ad.Host;
using Ad.Host.Arguments;

switch (Arguments.Parse(args))
{
    case ParseOutcome.Run { Verb: var verb, Settings: var settings }:
        return await ShellHost.RunAsync(settings, builder =>
        {
            switch (verb)
            {
                case Verb.Train:
                    builder.AddTraining(Classifier.Factory);
                    break;
                case Verb.Modes:
                    builder.AddModes();
                    break;
                case Verb.Gradcheck:
                    builder.AddGradcheck<OperationLaws>();
                    break;
            }
        });

    case ParseOutcome.Stop { Message: var message, ExitCode: var exitCode }:
        (exitCode == ExitCodes.Done ? Console.Out : Console.Error).WriteLine(message);
        return exitCode;

    default:
        Console.WriteLine($"ad-host {ShellHost.Version}");
        return ExitCodes.Done;
}
