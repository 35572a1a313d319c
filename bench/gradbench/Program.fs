module GradBench.Program

open System
open System.Diagnostics
open System.IO
open System.Text

// The runtime is told how many processors to use when it starts, so one thread is another process.
let private alone (argv: string array) =
    let assembly = Environment.GetCommandLineArgs()[0]
    let self = string Environment.ProcessPath
    let isHost = Path.GetFileNameWithoutExtension self = "dotnet"
    let start = ProcessStartInfo(self, (if isHost then Array.append [| assembly |] argv else argv))
    start.Environment["DOTNET_PROCESSOR_COUNT"] <- "1"

    match Process.Start start with
    | null -> 70
    | tool ->
        tool.WaitForExit()
        tool.ExitCode

[<EntryPoint>]
let main argv =
    if Array.contains "--evals" argv then
        Catalogue.evaluations.Keys |> Seq.iter (printfn "%s")
        0
    elif Environment.ProcessorCount > 1 && not (Array.contains "--multithreaded" argv) then
        alone argv
    else
        use input = new StreamReader(Console.OpenStandardInput(), UTF8Encoding false, false, 1 <<< 20)
        use output = new StreamWriter(Console.OpenStandardOutput(), UTF8Encoding false)
        Protocol.serve input output Console.Error
        0
