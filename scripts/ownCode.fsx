// One's own layer, optimizer and plain function, checked: what is wrong with each, and what ten independent ways to know a derivative say.
#load "lib/Prelude.fsx"

open System
open Ad.Functional
open Ad.Checks

let say (outcomes: LawOutcome[]) =
    for o in outcomes do
        printfn $"{o.Law}: {o.Verdict}"

// A layer, whose pullback somebody wrote by hand: it forgets that the gate moves too.
let swish x = x * Tensor.sigmoid x
let forgetful = customVjp swish (fun x g -> g * Tensor.sigmoid x)
let x = Tensor.matrix [ [ 0.3; -0.8; 1.2 ]; [ 0.9; 0.1; -0.4 ] ]
say (Layers.check (Layer.ofFunction forgetful) x)
//> parameters repeat from their key: Passed
//> results repeat: Passed
//> training and prediction agree in shape: Passed
//> derivatives when predicting: Failed
//> derivatives when training: Failed
//> jit: Passed

// An optimizer of one's own: steps of the gradient over its length. At a gradient of 0 the length has no derivative.
let normalized (rate: float) : Optimizer<Tensor, unit> =
    { Init = ignore
      Update = fun g () _ -> g * (-rate / sqrt (Tensor.sum (g * g))), () }

say (Optimizers.check (normalized 0.1) (Tensor.vector [ 0.8; -0.3; 1.1 ]))
//> update is pure: Passed
//> shapes and types stay: Passed
//> resumed is not interrupted: Passed
//> identity is the unit of chaining: Passed
//> chaining is associative: Passed
//> derivatives through training: Passed
//> derivatives are finite where gradients are zero: Failed

// A plain function of numbers with the gradient that is claimed for it: C# passes the same two lambdas.
let volume (r: float[]) = r[0] * r[0] * r[1]
let claimed (r: float[]) = [| 2.0 * r[0] * r[1]; r[0] |]

let verified =
    GradientCheck.Verify(Func<float[], float> volume, Func<float[], float[]> claimed, [| 2.0; 3.0 |])

printfn $"{verified.Verdict} at {verified.Path}"
//> Failed at x[1]

// What each oracle says of a function at a point, with directions from a seed.
let trial = Trial.at false [| Tensor.vector [ 0.4; 0.9 ] |] 3 (fun x -> forgetful x[0])

for oracle in Oracles.all do
    match Oracles.examine oracle (fun () -> trial) with
    | Holds -> printfn $"{oracle.Name}: holds"
    | NotChosen -> printfn $"{oracle.Name}: says nothing, for it is about {oracle.Scope}"
    | Breaks _ -> printfn $"{oracle.Name}: breaks"
//> forward against reverse: holds
//> against differences: breaks
//> complex step: breaks
//> Taylor mode: holds
//> path enumeration: holds
//> float32 against float64: holds
//> exact rationals: says nothing, for it is about every sum and product on the way, from the numbers that enter it
//> interval bound: breaks
//> batch against loop: holds
//> linearized, then transposed: holds
