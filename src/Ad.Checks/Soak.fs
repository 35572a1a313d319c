namespace Ad.Checks

open System
open System.Collections.Generic
open System.Threading
open System.Threading.Tasks
open Ad.Functional
open Ad.Tensors

/// A law that does not hold on a random program.
type ProgramFailure =
    {
        Law: string
        /// The seed of the program; Programs.ofSeed makes it again.
        Seed: int
        /// What was found, on the smallest program that fails.
        Message: string
        /// The smallest program that fails.
        Smallest: RandomProgram
        /// The operation whose own derivative fails there; empty when none does by itself.
        Blamed: string
        /// A script that runs the smallest program and checks it.
        Script: string
    }

/// What laws found on many random programs.
type SoakResult =
    {
        Programs: int
        /// The seeds were from this one on, one after another.
        FirstSeed: int
        Failures: ProgramFailure[]
        /// In how many of the programs each operation appears.
        Coverage: IReadOnlyDictionary<string, int>
        Seconds: float
    }

/// Holds laws against random programs.
[<RequireQualifiedAccess>]
module Soak =
    let private asIs (_: string) (f: Tensor[] -> Tensor) = f

    /// What a law says of a trial; an exception is a failure too.
    let internal verdict (law: Law) (trial: unit -> Trial) : string option =
        try
            law.Check(trial ())
        with error ->
            Some $"{error.GetType().Name}: {error.Message}"

    /// The operation whose derivative fails by itself, at the arguments that the program gives it, with operations replaced.
    let internal blameChanged change (program: RandomProgram) : string option =
        let point =
            let random = System.Random program.Seed
            Programs.inputs program |> List.map (Catalogue.draw random) |> Array.ofList

        List.zip program.Nodes (Programs.values change program point)
        |> List.tryPick (fun (node, (arguments, result)) ->
            let random = System.Random program.Seed

            let numbers (t: Tensor) =
                if t.DType.IsFloat() then
                    Catalogue.draw
                        random
                        { Shape = Tensor.shape t
                          Domain = Between(-1.0, 1.0) }
                else
                    t

            // What stands in two places stays one.
            let distinct = HashSet(arguments, HashIdentity.Reference) |> Array.ofSeq

            let places =
                arguments
                |> Array.map (fun t -> Array.findIndex (fun u -> obj.ReferenceEquals(t, u)) distinct)

            let apply = change node.Operation (Programs.case node).Apply

            let local () =
                { Function = fun x -> apply (places |> Array.map (fun i -> x[i]))
                  IsLinear = false
                  Point = Tree.eval distinct
                  Direction = Array.map numbers distinct
                  Other = Array.map numbers distinct
                  Cotangent = numbers result }

            [ Laws.forwardAgainstReverse; Laws.againstDifferences ]
            |> List.tryPick (fun law -> verdict law local)
            |> Option.map (fun _ -> node.Operation))

    /// The operation of a failing program whose derivative fails by itself, if there is one.
    let blame (program: RandomProgram) : string option = blameChanged asIs program

    /// What a law finds on the program of a seed, made small.
    let internal failure (law: Law) (seed: int) : ProgramFailure option =
        let say program = verdict law (fun () -> Programs.trial program)
        let program = Programs.ofSeed seed

        say program
        |> Option.map (fun first ->
            let smallest, _ = Shrinking.smallest (fun p -> (say p).IsSome) program

            { Law = law.Name
              Seed = seed
              Message = say smallest |> Option.defaultValue first
              Smallest = smallest
              Blamed = blame smallest |> Option.defaultValue ""
              Script = ProgramText.toScript smallest })

    /// In how many programs each operation appears.
    let coverage (programs: RandomProgram seq) : IReadOnlyDictionary<string, int> =
        let counts = SortedDictionary<string, int>()

        for entry in Catalogue.all do
            counts[entry.Name] <- 0

        for program in programs do
            for operation in program.Nodes |> List.map _.Operation |> List.distinct do
                counts[operation] <- counts[operation] + 1

        counts

    /// <summary>Holds laws against the programs of consecutive seeds, on all cores; what fails is made small.</summary>
    /// <remarks>Progress is told the number of programs done. The result does not depend on the number of cores.</remarks>
    /// <exception cref="T:System.OperationCanceledException">The run was cancelled.</exception>
    let runWith
        (laws: Law list)
        (firstSeed: int)
        (programs: int)
        (progress: int -> unit)
        (stopping: CancellationToken)
        =
        let clock = Diagnostics.Stopwatch.StartNew()
        let found = Array.create programs []
        let mutable finished = 0

        Parallel.For(
            0,
            programs,
            ParallelOptions(CancellationToken = stopping, MaxDegreeOfParallelism = Environment.ProcessorCount),
            fun i ->
                found[i] <- laws |> List.choose (fun law -> failure law (firstSeed + i))
                progress (Interlocked.Increment &finished)
        )
        |> ignore

        { Programs = programs
          FirstSeed = firstSeed
          Failures = found |> Seq.collect id |> Array.ofSeq
          Coverage = coverage (Seq.init programs (fun i -> Programs.ofSeed (firstSeed + i)))
          Seconds = clock.Elapsed.TotalSeconds }

    /// Holds every law against the programs of consecutive seeds.
    let run (firstSeed: int) (programs: int) : SoakResult =
        runWith Laws.all firstSeed programs ignore CancellationToken.None
