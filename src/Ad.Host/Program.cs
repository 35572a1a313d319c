using Ad.Host;
using Ad.Host.Arguments;
using Microsoft.Extensions.Hosting;

using var signals = new Signals();

switch (Arguments.Parse(args))
{
    case ParseOutcome.Run { Verb: var verb, Settings: var settings }:
        Action<IHostApplicationBuilder> add = verb switch
        {
            Verb.Train => builder => builder.AddTraining(Classifier.Factory),
            Verb.Modes => builder => builder.AddModes(),
            Verb.Devices => builder => builder.AddDevices(),
            Verb.Gradcheck => builder => builder.AddGradcheck<OperationLaws>(),
        };
        return await ShellHost.RunAsync(settings, add, signals.Heard);

    case ParseOutcome.Stop { Message: var message, ExitCode: var exitCode }:
        (exitCode == ExitCodes.Done ? Console.Out : Console.Error).WriteLine(message);
        return exitCode;

    default:
        Console.WriteLine($"ad-host {ShellHost.Version}");
        return ExitCodes.Done;
}
