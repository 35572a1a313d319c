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
        /// How many operations the smallest program that fails has.
        Operations: int
        /// The operation whose own derivative fails there; empty when none does by itself.
        Blamed: string
        /// A script that runs the smallest program and checks it.
        Script: string
    }

/// <summary>How far a run over random programs is, and what it found. It depends on the seeds that were tried and on nothing else but time.</summary>
type SoakState =
    {
        /// What the programs of seeds are made from; with another one they would be others.
        Generator: string
        /// The seeds were from this one on, one after another, none left out.
        FirstSeed: int
        /// How many were tried.
        Programs: int
        Failures: ProgramFailure[]
        /// In how many of the programs each operation appears.
        Coverage: SortedDictionary<string, int>
        /// Of how many programs each law and each oracle had something to say.
        Asked: SortedDictionary<string, int>
        /// The time it took, all runs together.
        Seconds: float
    }

/// Holds laws against random programs.
[<RequireQualifiedAccess>]
module Soak =
    let private asIs (_: string) (f: Tensor[] -> Tensor) = f

    /// What is wrong with a trial by an oracle, if anything.
    let internal verdict (oracle: Oracle) (trial: unit -> Trial) : string option =
        match Oracles.examine oracle trial with
        | Breaks why -> Some why
        | NotChosen
        | Holds -> None

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

            let apply = Programs.operation change node

            let local () =
                { Function = fun x -> apply (places |> Array.map (fun i -> x[i]))
                  IsLinear = false
                  Point = Tree.eval distinct
                  Direction = Array.map numbers distinct
                  Other = Array.map numbers distinct
                  Cotangent = numbers result }

            [ Laws.forwardAgainstReverse; Laws.againstDifferences ]
            |> List.tryPick (fun law -> verdict (Oracle.Of law) local)
            |> Option.map (fun _ -> node.Operation))

    /// The operation of a failing program whose derivative fails by itself, if there is one.
    let blame (program: RandomProgram) : string option = blameChanged asIs program

    /// What an oracle says of the program of a seed, a failure made small.
    let internal judged (oracle: Oracle) (seed: int) : Examined * ProgramFailure option =
        let examine program = Oracles.examine oracle (fun () -> Programs.trial program)
        let program = Programs.ofSeed seed

        match examine program with
        | Breaks first as broken ->
            let smallest, _ = Shrinking.smallest (fun p -> (examine p).IsBreaks) program

            let message =
                match examine smallest with
                | Breaks why -> why
                | NotChosen
                | Holds -> first

            broken,
            Some
                { Law = oracle.Name
                  Seed = seed
                  Message = message
                  Operations = smallest.Nodes.Length
                  Blamed = blame smallest |> Option.defaultValue ""
                  Script = ProgramText.toScript smallest }
        | other -> other, None

    /// In how many programs each operation appears.
    let coverage (programs: RandomProgram seq) : SortedDictionary<string, int> =
        let counts = SortedDictionary<string, int>(StringComparer.Ordinal)

        for entry in Catalogue.all do
            counts[entry.Name] <- 0

        for program in programs do
            for operation in program.Nodes |> List.map _.Operation |> List.distinct do
                counts[operation] <- counts[operation] + 1

        counts

    /// A run over the programs of consecutive seeds before its first.
    let start (firstSeed: int) : SoakState =
        { Generator = Programs.generator
          FirstSeed = firstSeed
          Programs = 0
          Failures = [||]
          Coverage = coverage []
          Asked = SortedDictionary(StringComparer.Ordinal)
          Seconds = 0.0 }

    let private counted (counts: SortedDictionary<string, int>) (names: string seq) =
        let counts = SortedDictionary<string, int>(counts, StringComparer.Ordinal)

        for name in names do
            counts[name] <-
                1
                + match counts.TryGetValue name with
                  | true, count -> count
                  | _ -> 0

        counts

    let private added
        (seed: int)
        (said: (string * Examined * ProgramFailure option) list)
        seconds
        (state: SoakState)
        =
        { state with
            Programs = state.Programs + 1
            Failures = Array.append state.Failures (said |> Seq.choose (fun (_, _, f) -> f) |> Array.ofSeq)
            Coverage =
                (Programs.ofSeed seed).Nodes
                |> Seq.map _.Operation
                |> Seq.distinct
                |> counted state.Coverage
            Asked =
                said
                |> Seq.filter (fun (_, e, _) -> e <> NotChosen)
                |> Seq.map (fun (name, _, _) -> name)
                |> counted state.Asked
            Seconds = seconds }

    /// <summary>Goes on with a run until so many programs were tried in all, or it is told to stop; what fails is made small.</summary>
    /// <remarks>
    /// All cores take seeds in their order. A seed that was taken is finished, so that a run that was stopped has tried all seeds up to one, and goes on to
    /// the same state as one that was not. Programs that failed before are tried again first. Progress is told every state, one after another.
    /// </remarks>
    /// <param name="oracles">What the program of a seed is held to.</param>
    /// <param name="programs">How many are to be tried in all.</param>
    /// <param name="progress">Is told every state.</param>
    /// <param name="stopping">Stops it.</param>
    /// <param name="from">Where to go on from.</param>
    let advance
        (oracles: int -> Oracle list)
        (programs: int)
        (progress: SoakState -> unit)
        (stopping: CancellationToken)
        (from: SoakState)
        : SoakState =
        let clock = Diagnostics.Stopwatch.StartNew()
        let gate = obj ()
        let finished = Dictionary<int, (string * Examined * ProgramFailure option) list>()
        let next = ref (from.Programs - 1)

        let again =
            from.Failures
            |> Array.choose (fun f ->
                oracles f.Seed
                |> List.tryFind (fun oracle -> oracle.Name = f.Law)
                |> Option.bind (fun oracle -> snd (judged oracle f.Seed)))

        let state = ref { from with Failures = again }

        // In the order of seeds: what was tried is always all up to one.
        let finish index failures =
            lock gate (fun () ->
                finished[index] <- failures

                while finished.ContainsKey state.Value.Programs do
                    let index = state.Value.Programs
                    let seconds = from.Seconds + clock.Elapsed.TotalSeconds
                    state.Value <- added (from.FirstSeed + index) finished[index] seconds state.Value
                    finished.Remove index |> ignore
                    progress state.Value)

        let rec work () =
            if not stopping.IsCancellationRequested then
                let index = Interlocked.Increment(&next.contents)

                if index < programs then
                    let seed = from.FirstSeed + index

                    oracles seed
                    |> List.map (fun oracle ->
                        let said, failure = judged oracle seed
                        oracle.Name, said, failure)
                    |> finish index

                    work ()

        Array.init Ad.Tensors.Device.CpuThreads (fun _ ->
            Task.Factory.StartNew(work, TaskCreationOptions.LongRunning))
        |> Task.WaitAll

        state.Value

    /// Holds every law, and oracles in turn, against the programs of consecutive seeds.
    let run (firstSeed: int) (programs: int) : SoakState =
        advance Oracles.forSeed programs ignore CancellationToken.None (start firstSeed)
