namespace Ad.Host.Arguments

open Argu

/// What the command line may say.
type Argument =
    | [<Unique>] Version

    interface IArgParserTemplate with
        member x.Usage =
            match x with
            | Version -> "print the version and stop."

/// What the command line said, in words that C# knows.
type CommandLine = { Version: bool }

/// The outcome of reading the command line.
type ParseOutcome =
    /// Go on with these settings.
    | Parsed of Settings: CommandLine
    /// Print this and stop with this exit code.
    | Stop of Message: string * ExitCode: int

/// Reads the command line.
[<RequireQualifiedAccess>]
module Arguments =
    let private parser = ArgumentParser.Create<Argument>(programName = "ad-host")

    /// The settings in the arguments, or what to print instead.
    [<CompiledName("Parse")>]
    let parse (argv: string array) : ParseOutcome =
        try
            let found = parser.ParseCommandLine(argv, raiseOnUsage = true)
            Parsed { Version = found.Contains Version }
        with :? ArguParseException as e ->
            Stop(e.Message, (if e.ErrorCode = ErrorCode.HelpText then 0 else 64))
