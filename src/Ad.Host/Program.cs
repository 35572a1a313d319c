using Ad.Host.Arguments;

var outcome = Arguments.Parse(args);

if (outcome is ParseOutcome.Stop stop)
{
    await (stop.ExitCode == 0 ? Console.Out : Console.Error).WriteLineAsync(stop.Message);
    return stop.ExitCode;
}

Console.WriteLine($"ad-host {typeof(Program).Assembly.GetName().Version?.ToString(3)}");
return 0;
