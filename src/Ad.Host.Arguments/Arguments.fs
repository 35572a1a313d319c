namespace Ad.Host.Arguments

open System
open System.Collections.Generic
open Argu

/// What the program can do.
type Verb =
    | Train = 0
    | Modes = 1
    | Gradcheck = 2
    | Doctor = 3
    | Search = 4
    | Devices = 5

/// The whole command line.
[<HelpFlags("--help", "-h")>]
type Argument =
    | [<CliPrefix(CliPrefix.None)>] Train of ParseResults<TrainArgument>
    | [<CliPrefix(CliPrefix.None)>] Modes of ParseResults<ModesArgument>
    | [<CliPrefix(CliPrefix.None)>] Gradcheck of ParseResults<GradcheckArgument>
    | [<CliPrefix(CliPrefix.None)>] Doctor of ParseResults<DoctorArgument>
    | [<CliPrefix(CliPrefix.None)>] Search of ParseResults<SearchArgument>
    | [<CliPrefix(CliPrefix.None); Unique>] Devices
    | [<Unique; Inherit>] Threads of count: int
    | [<Unique; Inherit>] Blas of library: string
    | [<Unique>] Version

    interface IArgParserTemplate with
        member x.Usage =
            match x with
            | Train _ -> "train a classifier; what happens when no verb is given."
            | Modes _ -> "compare forward with reverse mode: passes, work and time for 1 to 1024 inputs."
            | Gradcheck _ -> "check the derivative rule of every operation against the gradient laws."
            | Doctor _ ->
                "find out why something does not learn, or that it does, and what learning rate suits it."
            | Search _ -> "search for learning rate, weight decay and dropout by cross-validation."
            | Devices -> "say which devices there are, and what is missing for others."
            | Threads _ -> "threads that computing uses (as many as there are processors)."
            | Blas _ -> "library of matrix products: none, auto, always, or a path (none)."
            | Version -> "print the version and stop."

/// The outcome of reading the command line.
type ParseOutcome =
    /// Do this, with these configuration keys set.
    | Run of Verb: Verb * Settings: IReadOnlyDictionary<string, string>
    /// Print the version and stop.
    | ShowVersion
    /// Print this and stop with this exit code.
    | Stop of Message: string * ExitCode: int

/// Reads the command line.
[<RequireQualifiedAccess>]
module Arguments =
    let private parser = ArgumentParser.Create<Argument>(programName = "ad-host")
    let private verbs = [ "train"; "modes"; "gradcheck"; "doctor"; "search"; "devices" ]

    let private forAllVerbs = [ "--threads"; "--blas" ]

    /// Train is what is done when no verb is given, also with options; what holds for all verbs may stand before one.
    let private withVerb (argv: string array) =
        match Array.tryHead argv with
        | None -> [| "train" |]
        | Some("--help" | "-h" | "--version") -> argv
        | Some("--threads" | "--blas") ->
            // Options with their values, and then the verb.
            let at =
                Seq.initInfinite (fun i -> 2 * i)
                |> Seq.find (fun i -> i >= argv.Length || not (List.contains argv[i] forAllVerbs))

            if at < argv.Length && not (argv[at].StartsWith '-') then
                Array.concat [ [| argv[at] |]; argv[.. at - 1]; argv[at + 1 ..] ]
            else
                Array.append [| "train" |] argv
        | Some first when first.StartsWith '-' -> Array.append [| "train" |] argv
        | Some _ -> argv

    /// --name=value is --name value.
    let private withSpaces (argument: string) =
        match argument.IndexOf '=' with
        | at when at > 2 && argument.StartsWith "--" -> [| argument[.. at - 1]; argument[at + 1 ..] |]
        | _ -> [| argument |]

    let private optionsOf verb =
        let names (cases: ArgumentCaseInfo list) =
            forAllVerbs @ (cases |> List.collect _.CommandLineNames.Value)

        match verb with
        | "train" -> names (ArgumentParser.Create<TrainArgument>().GetArgumentCases())
        | "modes" -> names (ArgumentParser.Create<ModesArgument>().GetArgumentCases())
        | "gradcheck" -> names (ArgumentParser.Create<GradcheckArgument>().GetArgumentCases())
        | "doctor" -> names (ArgumentParser.Create<DoctorArgument>().GetArgumentCases())
        | "search" -> names (ArgumentParser.Create<SearchArgument>().GetArgumentCases())
        | _ -> []

    /// The first line of Argu's complaint as a sentence of ours.
    let private sentence (argv: string array) (message: string) =
        let line = message.Split('\n')[0]
        let line = if line.StartsWith "ERROR: " then line.Substring 7 else line
        let quoted = line.Split '\''

        if line.StartsWith "unrecognized argument" && quoted.Length > 1 then
            let known = optionsOf argv[0]

            $"{argv[0]} has no option '{quoted[1]}'.{Nearest.suggestion known quoted[1]} "
            + $"'ad-host {argv[0]} --help' lists its options."
        else
            let kind = [ "parameter "; "argument " ] |> List.tryFind line.StartsWith

            line.Substring(kind |> Option.map _.Length |> Option.defaultValue 0).TrimEnd('.')
            + "."

    let private run verb settings =
        let settings = dict settings
        Run(verb, Dictionary settings)

    /// What the arguments ask for, or what to print instead.
    [<CompiledName("Parse")>]
    let parse (argv: string array) : ParseOutcome =
        let argv = argv |> Array.collect withSpaces |> withVerb
        let first = argv[0]

        if Array.contains "--version" argv then
            ShowVersion
        elif not (first.StartsWith '-') && not (List.contains first verbs) then
            let all = "train, modes, gradcheck, doctor, search and devices"
            Stop($"There is no verb '{first}'; the verbs are {all}.{Nearest.suggestion verbs first}", 64)
        else
            try
                let found = parser.ParseCommandLine(argv, raiseOnUsage = true)

                let threads = found.TryGetResult Threads |> Option.map (fun count -> "Threads", string count)

                let blas = found.TryGetResult Blas |> Option.map (fun library -> "Blas", library)

                let run verb settings = run verb (List.choose id [ threads; blas ] @ settings)

                match found.TryGetSubCommand() with
                | None when found.Contains Devices -> run Verb.Devices []
                | Some(Train found) -> run Verb.Train (TrainArguments.settings (found.GetAllResults()))
                | Some(Modes found) -> run Verb.Modes (ModesArguments.settings (found.GetAllResults()))
                | Some(Gradcheck found) ->
                    run Verb.Gradcheck (GradcheckArguments.settings (found.GetAllResults()))
                | Some(Doctor found) -> run Verb.Doctor (DoctorArguments.settings (found.GetAllResults()))
                | Some(Search found) -> run Verb.Search (SearchArguments.settings (found.GetAllResults()))
                | Some(Devices | Threads _ | Blas _ | Version)
                | None -> ShowVersion
            with :? ArguParseException as e ->
                match e.ErrorCode with
                | ErrorCode.HelpText -> Stop(e.Message, 0)
                | _ -> Stop(sentence argv e.Message, 64)
