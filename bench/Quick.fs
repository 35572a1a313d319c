/// A table in a minute, for people: each case for about a second, best and median.
module Bench.Quick

open System
open System.Diagnostics

let private seconds (clock: Stopwatch) = clock.Elapsed.TotalSeconds

let private duration (s: float) =
    if s < 1e-6 then $"{s * 1e9:F0} ns"
    elif s < 1e-3 then $"{s * 1e6:F1} us"
    else $"{s * 1e3:F2} ms"

/// Times a case for about so long, in rounds of at least a millisecond.
let private time budget (case: Case) =
    let run = case.Make()
    let clock = Stopwatch.StartNew()
    run ()
    let first = seconds clock

    let round count =
        let clock = Stopwatch.StartNew()

        for _ in 1..count do
            run ()

        seconds clock / float count

    // The first rounds find the number of calls, and warm up.
    let mutable count = 1
    let mutable once = round 1

    while once * float count < 1e-3 && seconds clock < 0.3 * budget do
        count <- 2 * count
        once <- round count

    let times = ResizeArray [ round count ]

    while seconds clock < budget do
        times.Add(round count)

    times.Sort()
    first, times[0], times[times.Count / 2]

/// Times every case, or those whose name contains a text; a smoke run only shows that each works.
let run smoke (filter: string) =
    let cases =
        Cases.all
        |> List.filter (fun c -> c.Name.Contains(filter, StringComparison.OrdinalIgnoreCase))

    if smoke then
        for case in cases do
            let run = case.Make()
            run ()
            run ()

        printfn $"{cases.Length} benchmarks run."
    else
        printfn $"""{"", -70} {"first", 11} {"best", 11} {"median", 11}"""

        for case in cases do
            let first, best, median = time 1.0 case
            printfn $"{case.Name, -70} {duration first, 11} {duration best, 11} {duration median, 11}"
