// Checking a gradient written by hand: random shapes and numbers try it, and a failure shrinks to a small case.
#load "lib/Prelude.fsx"

open Ad.Functional
open Ad.Checks

// Layer normalization of rows, and the pullback of it that somebody worked out on paper.
let deviation x = sqrt (Tensor.meanKeep [ 1 ] (x * x) + 0.01)

let normalize x =
    let centred = x - Tensor.meanKeep [ 1 ] x
    centred / deviation centred

let right x g =
    let y = normalize x
    let ofMean = Tensor.meanKeep [ 1 ] g
    let ofDeviation = y * Tensor.meanKeep [ 1 ] (g * y)
    (g - ofMean - ofDeviation) / deviation (x - Tensor.meanKeep [ 1 ] x)

// The same with a term forgotten: the mean depends on x as well.
let wrong x g =
    let y = normalize x

    (g - y * Tensor.meanKeep [ 1 ] (g * y))
    / deviation (x - Tensor.meanKeep [ 1 ] x)

// What to try it on: matrices with elements between -2 and 2. The sizes are drawn, and shrink.
let entry =
    { Name = "normalize"
      IsLinear = false
      Forms =
        [ fun sizes ->
              { Text = "normalize"
                Inputs =
                  [ { Shape = [ max 1 sizes.A; max 1 sizes.B ]
                      Domain = Between(-2.0, 2.0) } ]
                Apply = fun x -> normalize x[0] } ] }

// The law: the pullback written by hand is the one that reverse mode finds.
let agrees pullback =
    { Name = "by hand"
      Check =
        fun trial ->
            let _, exact = Reverse.vjp trial.Function trial.Point
            let byHand = pullback trial.Point[0] trial.Cotangent
            let apart = abs (byHand - (exact trial.Cotangent)[0]) |> Tensor.max |> Tensor.toScalar

            if apart < 1e-10 then
                None
            else
                Some $"by hand and by reverse mode are {apart:F3} apart." }

// The replay makes the random cases the same each time; null draws new ones.
let replay = "(7,11)"

let report (result: LawResult) =
    if result.Passed then
        printfn $"{result.Law}: holds in {result.Cases} cases"
    else
        printfn $"{result.Law}: fails at case {result.Cases}\n{result.Message}"

report (GradientCheck.Try(entry, agrees right, 100, replay))
//> by hand: holds in 100 cases
report (GradientCheck.Try(entry, agrees wrong, 100, replay))
//> by hand: fails at case 1
//> normalize at [[-0.327372]] : float64[1, 1]: by hand and by reverse mode are 2.372 apart.

// The laws that every operation of the kernel is held to, for a function of one's own.
for law in Laws.all do
    report (GradientCheck.Try(entry, law, 20, replay))
//> forward against reverse: holds in 20 cases
//> against differences: holds in 20 cases
//> linear against transpose: holds in 20 cases
//> second order: holds in 20 cases
//> zero cotangent: holds in 20 cases
//> symbolic zero: holds in 20 cases
//> jit: holds in 20 cases

// And the kernel's own operations, which dotnet run --project src/Ad.Host -- gradcheck tries as well.
let held =
    GradientCheck.Run(
        5,
        replay,
        [| "multiply"; "max"; "contract" |],
        ignore,
        System.Threading.CancellationToken.None
    )

printfn $"{held |> Seq.filter _.Passed |> Seq.length} of {held.Count} hold"
//> 21 of 21 hold
