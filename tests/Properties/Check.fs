module Properties.Check

open System
open FsCheck
open FsCheck.FSharp

/// The seed to replay, as FsCheck prints it: FSCHECK_REPLAY="(rnd,gamma,size)".
let private replay =
    match Environment.GetEnvironmentVariable "FSCHECK_REPLAY" with
    | null
    | "" -> None
    | text ->
        match text.Trim('(', ')').Split ',' with
        | [| rnd; gamma |] ->
            Some
                { Rnd = Rnd(uint64 rnd, uint64 gamma)
                  Size = None }
        | [| rnd; gamma; size |] ->
            Some
                { Rnd = Rnd(uint64 rnd, uint64 gamma)
                  Size = Some(int size) }
        | _ -> failwith $"FSCHECK_REPLAY is '{text}'; it takes (rnd,gamma) or (rnd,gamma,size)."

let private maxTest =
    match Environment.GetEnvironmentVariable "FSCHECK_MAX_TEST" with
    | null
    | "" -> 200
    | text -> int text

let private config =
    Config.QuickThrowOnFailure
        .WithQuietOnSuccess(true)
        .WithMaxTest(maxTest)
        .WithReplay(replay)
        .WithArbitrary([ typeof<Generators.Arbitraries> ])

/// Holds for all arguments, made by the arbitraries of their types.
let property (body: 'Testable) = Check.One(config, body)

/// Holds for every value that one arbitrary makes.
let forAll (arb: Arbitrary<'a>) (body: 'a -> 'Testable) = Check.One(config, Prop.forAll arb body)

/// Holds for so many values that one arbitrary makes: for bodies that take long.
let forSome (count: int) (arb: Arbitrary<'a>) (body: 'a -> 'Testable) =
    Check.One(config.WithMaxTest count, Prop.forAll arb body)
