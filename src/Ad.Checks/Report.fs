namespace Ad.Checks

open System
open System.Globalization

/// What a check found.
type Verdict =
    /// The derivative is right as far as the check can see.
    | Passed
    /// The derivative is wrong.
    | Failed
    /// The check could not see enough to say.
    | Inconclusive

/// One comparison of a derivative with what it should be.
type Finding =
    {
        /// What was compared: forward against reverse, against differences, Taylor slope 2 or 3, repeated.
        Check: string
        /// The order of the derivative.
        Order: int
        /// The nesting of the modes that made it, outermost last: empty for first derivatives.
        Nesting: string
        /// The kind of direction: gaussian, rademacher, one-hot, adversarial.
        Direction: string
        Verdict: Verdict
        /// The derivative as automatic differentiation has it.
        Found: float
        /// What it should be.
        Expected: float
        /// How far apart the two may be: rounding and truncation, never a share of the function's size.
        Tolerance: float
        /// How far apart they are as a part of the tolerance: above 1 it fails.
        Margin: float
        /// The finding in words.
        Text: string
    }

/// <summary>All that a check of a function found. The same function, point and settings give the same report.</summary>
type Report =
    {
        /// Failed when any finding is; Passed when none is, and forward against reverse and an independent check passed at every order.
        Verdict: Verdict
        Findings: Finding[]
        /// The elements that were varied.
        Elements: int
        /// Where the disagreement is largest, as a path and an index; empty when nothing failed.
        Path: string
        /// The direction of the failing finding of the lowest order, over all elements; empty when nothing failed.
        WorstDirection: float[]
        /// The seed that repeats the check.
        Seed: int
    }

    /// Whether nothing failed and enough was seen.
    member r.IsPassed = r.Verdict = Passed

    /// The report as text: the verdict, a line for each finding, and how to repeat it.
    override r.ToString() =
        let number (x: float) = x.ToString("G6", CultureInfo.InvariantCulture)
        let order n = $"order {n}"

        let line (f: Finding) =
            let what =
                match f.Verdict with
                | Passed -> "passed"
                | Failed -> "FAILED"
                | Inconclusive -> "inconclusive"

            let nesting = if f.Nesting = "" then "" else $" ({f.Nesting})"
            $"  {what, -12} {f.Check + nesting}, {order f.Order}, {f.Direction}: {f.Text}"

        let headline =
            match r.Verdict with
            | Passed -> $"Passed: the derivative is right over {r.Elements} elements."
            | Inconclusive -> $"Inconclusive: the checks could not see enough over {r.Elements} elements."
            | Failed when r.Path = "" -> "Failed: the derivative is wrong."
            | Failed -> $"Failed: the derivative is wrong, most of all at {r.Path}."

        let direction =
            if r.WorstDirection.Length = 0 then
                []
            else
                let shown = r.WorstDirection |> Seq.truncate 12 |> Seq.map number |> String.concat "; "
                let rest = if r.WorstDirection.Length > 12 then "; ..." else ""
                [ $"The direction that shows it: [{shown}{rest}]." ]

        // Failures first, then what is unclear, then what is right.
        let rank (f: Finding) =
            match f.Verdict with
            | Failed -> 0
            | Inconclusive -> 1
            | Passed -> 2

        [ headline ]
        @ (r.Findings |> Seq.sortBy rank |> Seq.map line |> List.ofSeq)
        @ direction
        @ [ $"Repeat with seed {r.Seed}." ]
        |> String.concat "\n"

/// Reads reports.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Report =
    /// The report as text.
    let toText (report: Report) : string = report.ToString()

    /// The findings that failed.
    let failures (report: Report) : Finding[] = report.Findings |> Array.filter (fun f -> f.Verdict = Failed)

/// A derivative is wrong, or could not be shown to be right; the message is the report.
[<Sealed>]
type GradientException(report: Report) =
    inherit Exception(report.ToString())

    /// What was found.
    member _.Report = report
