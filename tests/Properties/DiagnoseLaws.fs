module Properties.DiagnoseLaws

open Xunit
open Ad.Functional

let private at (xs: float list) = Tensor.vector xs

[<Fact>]
let ``the first operation whose value is not finite is named, with what it was given and where it stands``
    ()
    =
    let f (x: Tensor) =
        let shifted = x - 2.0
        let logged = log shifted
        Tensor.sum (exp logged * x)

    let found = (Diagnose.nonFinite f (at [ 3.0; 1.0 ])).Value
    Assert.Equal((Value, "log"), (found.Pass, found.Operation))
    Assert.Equal(at [ 1.0; -1.0 ], found.Given.Head)
    Assert.Contains("DiagnoseLaws.fs:", found.Source.Value)
    Assert.Contains("log at DiagnoseLaws.fs:", string found)

[<Fact>]
let ``a derivative that is not finite though the value is, is found in its pass`` () =
    let found = (Diagnose.nonFinite (sqrt >> Tensor.sum) (at [ 4.0; 0.0 ])).Value
    Assert.Equal((Tangents, "sqrt"), (found.Pass, found.Operation))

    // Along ones the two infinite tangents never meet the function's result; pulled back, the cotangent does.
    let f (x: Tensor) = Tensor.sum (Tensor.stopGradient x * 0.0 + sqrt x)
    Assert.Equal("sqrt", (Diagnose.nonFinite f (at [ 0.0 ])).Value.Operation)

[<Fact>]
let ``an input that is not finite is the culprit itself`` () =
    let found = (Diagnose.nonFinite (fun x -> Tensor.sum (x * 2.0)) (at [ nan ])).Value
    Assert.Equal((Value, "input"), (found.Pass, found.Operation))

[<Fact>]
let ``nothing is found where all is finite, and a NaN that is not taken is still a NaN that was made`` () =
    Assert.True (Diagnose.nonFinite (fun x -> Tensor.sum (sin x)) (at [ 1.0; 2.0 ])).IsNone
    let guarded (x: Tensor) = Tensor.sum (Tensor.where (Tensor.greater x (Tensor.zerosLike x)) (log x) x)
    Assert.Equal("log", (Diagnose.nonFinite guarded (at [ -1.0 ])).Value.Operation)

let private found f x = (Diagnose.nonFinite f (at x)).Value

[<Fact>]
let ``within a loop the operation is named, with its step and the line that wrote it`` () =
    let inScan (x: Tensor) =
        let step (s: Tensor) (x: Tensor) =
            let shifted = s - x
            log shifted, s

        scan step x (at [ 0.1; 0.2; 5.0 ]) |> fst |> Tensor.sum

    let scanned = found inScan [ 3.0 ]
    Assert.Equal(("log", [ "scan", 2 ]), (scanned.Operation, scanned.Within))
    Assert.Equal(Value, scanned.Pass)
    Assert.Contains("log at DiagnoseLaws.fs:", string scanned)
    Assert.Contains("in step 2 of scan", string scanned)
    let line = int (scanned.Source.Value.Split(':')[1])
    let whole = found (fun x -> Tensor.sum (log (x - 5.0))) [ 3.0 ]
    // The scan was written a few lines above the one that says where this line is.
    Assert.InRange(int (whole.Source.Value.Split(':')[1]) - line, 5, 15)

    let inWhile (x: Tensor) =
        whileLoop
            (fun (i: Tensor, _: Tensor) -> Tensor.less i (Tensor.scalar 5))
            (fun (i, y) -> i + 1, y / (y - 2.0))
            (Tensor.scalar 0, Tensor.sum x)
        |> snd

    let looped = found inWhile [ 4.0 ]
    Assert.Equal(("divide", [ "whileLoop", 1 ]), (looped.Operation, looped.Within))

    let reversed x =
        scanReverse (fun s x -> log (s - x), ()) x (at [ 0.1; 5.0; 0.2 ])
        |> fst
        |> Tensor.sum

    Assert.Equal<(string * int) list>([ "scan", 1 ], (found reversed [ 3.0 ]).Within)

[<Fact>]
let ``loops in loops, branches and checkpoints are looked into`` () =
    let inner (x: Tensor) = iterate 3 (fun _ y -> checkpoint sqrt (y - 1.0)) x

    let outer (x: Tensor) =
        let branch y = cond (Tensor.greater (Tensor.sum y) (Tensor.scalar 0.0)) inner id y
        Tensor.sum (iterate 2 (fun _ y -> branch y) x)

    let nested = found outer [ 6.0 ]
    Assert.Equal("sqrt", nested.Operation)
    let names, steps = List.unzip nested.Within
    Assert.Equal<string list>([ "scan"; "cond"; "scan"; "checkpoint" ], names)
    // 6, sqrt 5, sqrt 1.24, sqrt 0.11: it goes wrong in the other round's first step.
    Assert.Equal<int list>([ 1; 0; 0; 0 ], steps)

[<Fact>]
let ``a derivative that goes wrong within a loop is found in its step, in either pass`` () =
    // 5, 2, 1, 0: finite to the end, where the root is vertical.
    let f (x: Tensor) = iterate 3 (fun _ y -> sqrt (y - 1.0)) x |> Tensor.sum

    let pushed = found f [ 5.0 ]
    Assert.Equal((Tangents, "sqrt"), (pushed.Pass, pushed.Operation))
    Assert.Equal<(string * int) list>([ "scan", 2 ], pushed.Within)

    // Nothing varies along the tangents of ones that reach it, as both cancel.
    let g (x: Tensor) =
        let y = x[0] - x[1]
        fst (scan (fun s k -> s + sqrt (y * k), ()) (x[0] * 0.0) (at [ 1.0; 2.0 ]))

    let pulled = found g [ 1.0; 1.0 ]
    Assert.Equal((Cotangents, "sqrt"), (pulled.Pass, pulled.Operation))
    Assert.Equal<(string * int) list>([ "scan", 1 ], pulled.Within)
