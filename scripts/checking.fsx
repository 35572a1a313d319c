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

// What to try a function on: matrices with elements between -2 and 2. Sizes and elements are drawn; sizes shrink.
let onMatrices name f =
    { Name = name
      IsLinear = false
      Forms =
        [ fun sizes ->
              { Text = name
                Inputs =
                  [ { Shape = [ max 1 sizes.A; max 1 sizes.B ]
                      Domain = Between(-2.0, 2.0) } ]
                Apply = fun x -> f x[0] } ] }

// The replay makes the random cases the same each time; null draws new ones.
let replay = "(7,11)"

let report (result: LawResult) =
    if result.Passed then
        printfn $"{result.Law}: holds in {result.Cases} cases"
    else
        printfn $"{result.Law}: fails at case {result.Cases}\n  {result.Message}"

// The laws that every operation of the kernel is held to. customVjp gives a function a pullback written by hand.
let check name pullback =
    let entry = onMatrices name (customVjp normalize pullback)

    for law in Laws.all do
        report (GradientCheck.Try(entry, law, 20, replay))

check "right" right
//> forward against reverse: holds in 20 cases
//> against differences: holds in 20 cases
//> linear against transpose: holds in 20 cases
//> second order: holds in 20 cases
//> zero cotangent: holds in 20 cases
//> symbolic zero: holds in 20 cases
//> jit: holds in 20 cases
check "wrong" wrong
//> forward against reverse: holds in 20 cases
//> against differences: fails at case 1
//>   wrong at [[-0.327372]] : float64[1, 1]: the derivative and the difference: 0.1955202921548545 against 0, 0.196 apart where 6.13E-15 is allowed.
//> linear against transpose: holds in 20 cases
//> second order: holds in 20 cases
//> zero cotangent: holds in 20 cases
//> symbolic zero: holds in 20 cases
//> jit: holds in 20 cases

// A law of one's own says in a sentence what is wrong with a trial, or None: rows of the result have mean 0.
let centred =
    { Name = "rows have mean 0"
      Check =
        fun trial ->
            let means = trial.Function trial.Point |> Tensor.meanOver [ 1 ]
            let largest = Tensor.toScalar (Tensor.max (abs means))

            if largest < 1e-12 then
                None
            else
                Some $"a mean is {largest:G3}." }

report (GradientCheck.Try(onMatrices "normalize" normalize, centred, 100, replay))
//> rows have mean 0: holds in 100 cases

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
