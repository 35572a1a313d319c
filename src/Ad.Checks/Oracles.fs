namespace Ad.Checks

open Ad.Functional
open Ad.Checks.Examining

/// <summary>Ten ways to know a derivative; each is asked about the functions of which it can say something.</summary>
[<RequireQualifiedAccess>]
module Oracles =
    /// The library's transforms.
    let internal library: Calculus =
        { Taylor = taylor
          Map = vmap
          Linearize = fun f x -> snd (linearize f x)
          Values = fun tensors -> Tree.eval tensors |> Array.map numbers }

    /// All ten.
    let all: Oracle list =
        [ Oracle.Of Laws.forwardAgainstReverse
          Oracle.Of Laws.againstDifferences
          Oracle(
              "complex step",
              "elementary functions and sums of products; not erf, gamma, decompositions, loops",
              NumberOracles.complexStep
          )
          Oracle(
              "Taylor mode",
              "all functions, to third order, or second where they are large",
              ModeOracles.taylorMode
          )
          Oracle("path enumeration", "graphs of at most 80 operations and 100 paths", ModeOracles.paths)
          Oracle(
              "float32 against float64",
              "functions that work in the type of their arguments",
              NumberOracles.float32s
          )
          Oracle(
              "exact rationals",
              "every sum and product on the way, from the numbers that enter it",
              NumberOracles.rationals
          )
          Oracle(
              "interval bound",
              "functions without branches whose bounds are narrower than their slopes",
              NumberOracles.intervalBound
          )
          Oracle("batch against loop", "all functions", ModeOracles.batch)
          Oracle(
              "linearized, then transposed",
              "functions whose tangents are made of linear operations",
              ModeOracles.linearized
          ) ]

    /// What an oracle says of a trial; an exception is a failure too.
    let examine (oracle: Oracle) (trial: unit -> Trial) : Examined =
        try
            oracle.ExamineWith library (trial ())
        with error ->
            Breaks $"{error.GetType().Name}: {error.Message}"

    let private own =
        all
        |> List.filter (fun o -> Laws.all |> List.forall (fun law -> law.Name <> o.Name))

    /// What a random program of a seed is held to: every law, and two of the oracles that are no laws, another two for the next seed.
    let forSeed (seed: int) : Oracle list =
        let first = seed % own.Length
        let second = (first + 1 + seed / own.Length % (own.Length - 1)) % own.Length
        List.map Oracle.Of Laws.all @ [ own[first]; own[second] ]

    /// The names of all laws and oracles.
    let names: string list = (Laws.all |> List.map _.Name) @ (own |> List.map _.Name)
