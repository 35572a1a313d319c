// Writes what scripts print into their //> lines: dotnet fsi scripts/lib/Record.fsx scripts/graph.fsx
// Each run of //> lines, be it one empty one, gets what is printed between the run before it and itself.

open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions

let mark = "\u0001"
let recorded = Regex(@"^( *)//>.*\n(?: *//>.*\n)*", RegexOptions.Multiline)

let run (program: string) (arguments: string list) =
    let start = ProcessStartInfo(program, arguments, RedirectStandardOutput = true)

    use started =
        match Process.Start start with
        | null -> failwith $"{program} does not start."
        | p -> p

    let printed = started.StandardOutput.ReadToEnd()
    started.WaitForExit()

    if started.ExitCode <> 0 then
        failwith $"{String.Join(' ', arguments)} ends with {started.ExitCode}."

    printed

for script in fsi.CommandLineArgs |> Array.skip 1 do
    let isCSharp = script.EndsWith ".cs"

    let print =
        if isCSharp then
            $"Console.Write(\"{mark}\");"
        else
            $"printf \"{mark}\""

    let text = File.ReadAllText script
    let copy = Path.Combine(string (Path.GetDirectoryName script), "recording" + Path.GetExtension script)
    File.WriteAllText(copy, recorded.Replace(text, (fun m -> m.Groups[1].Value + print + "\n")))

    let printed =
        try
            if isCSharp then
                run "dotnet" [ "run"; "--configuration"; "Release"; copy ]
            else
                run "dotnet" [ "fsi"; "--quiet"; "--exec"; copy ]
        finally
            File.Delete copy

    let parts = System.Collections.Generic.Queue(printed.Split mark)

    let lines (m: Match) =
        parts.Dequeue().TrimEnd('\n').Split '\n'
        |> Array.map (fun line -> $"{m.Groups[1].Value}//> {line}".TrimEnd() + "\n")
        |> String.concat ""

    File.WriteAllText(script, recorded.Replace(text, lines))

    if parts.Dequeue() <> "" then
        failwith $"{script} prints more after its last //> line."
